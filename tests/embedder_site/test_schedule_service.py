"""A site that serves keeps its library in step: a program for that is started, watched and found by the doctor."""

import json
import os
import signal

from tests.embedder_site.running import Site
from tests.services import until

PROGRAM = "manage.py schedule"


def running(site: Site) -> set[int]:
    """Processes that keep to the schedule."""
    return {pid for pid, line in site.alive().items() if PROGRAM in line}


def test_a_site_that_serves_keeps_to_its_schedule(site: Site) -> None:
    until(lambda: "schedule   ready   keeps the library in step" in site.said)
    assert len(running(site)) == 1


def test_the_doctor_finds_who_keeps_to_it(site: Site) -> None:
    until(lambda: "schedule   ready" in site.said)
    findings = json.loads(site.manage("doctor", "--json").stdout)["findings"]
    (found,) = [finding for finding in findings if finding["subject"] == "schedule"]
    assert (found["state"], found["used"]) == ("ok", "0 4 * * * UTC (default)")


def test_one_that_dies_is_started_again(site: Site) -> None:
    until(lambda: "schedule   ready" in site.said)
    before = running(site)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: bool(running(site) - before))
    until(lambda: "schedule   is back" in site.said)
