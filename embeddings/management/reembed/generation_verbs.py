"""The verbs of `manage.py reembed` that are about generations; each gives an exit code."""

import argparse
import time
from typing import Any

from embeddings.errors import Refused
from embeddings.jobs import migration
from embeddings.management.reembed.job_verbs import actor, expect_workers
from embeddings.management.reembed.speech import ExitCode, Speech
from embeddings.models import Generation, Verification, VerificationState

POLL_SECONDS = 0.5
LOOK_SECONDS = 30.0
"""How often it is asked whether workers are there at all."""
OVER = (VerificationState.PASSED, VerificationState.FAILED, VerificationState.BROKEN)
SIGNS = {True: "ok    ", False: "FAILED", None: "      "}


def verify(chosen: argparse.Namespace, speech: Speech) -> int:
    """Have a worker examine a generation, and show what it found."""
    generation = migration.find_generation(chosen.generation)
    expect_workers(speech, waits=not chosen.detach)
    report = migration.request_verification(generation, by=actor())
    if chosen.detach:
        speech.answer(
            f"{generation} is going to be verified; its page in the admin shows the report.", **_report(report)
        )
        return ExitCode.DONE
    speech.say(f"Verifying {generation}.")
    _wait(report, speech)
    speech.answer("\n".join(report_lines(report)), **_report(report))
    return ExitCode.DONE if report.state == VerificationState.PASSED else ExitCode.UNSUCCESSFUL


def _wait(report: Verification, speech: Speech) -> None:
    """Wait for the verdict, as long as somebody is there to reach one.

    Raises:
        BackendUnavailable: the queue does not answer.
        Refused: the last worker has gone.

    """
    said, looked = "", time.monotonic()
    while report.state not in OVER:
        time.sleep(POLL_SECONDS)
        report.refresh_from_db()
        if report.message != said:
            said = report.message
            speech.say(f"  {said}".rstrip())
        if time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            expect_workers(speech, waits=True)


def promote(chosen: argparse.Namespace, speech: Speech) -> int:
    """Make a generation the live one."""
    if chosen.force and not chosen.because.strip():
        raise Refused("--force needs a reason, which is kept: --because '...'.", code="reason_missing")
    if chosen.because and not chosen.force:
        raise Refused("--because belongs to --force.", code="force_missing")
    generation = migration.find_generation(chosen.generation)
    migration.promote(generation, by=actor(), force_because=chosen.because.strip())
    return _live(generation, speech)


def rollback(chosen: argparse.Namespace, speech: Speech) -> int:
    """Make the generation before the live one live again."""
    return _live(migration.rollback(chosen.model, by=actor()), speech)


def cleanup(chosen: argparse.Namespace, speech: Speech) -> int:
    """List what nobody needs any more, and drop it when told to."""
    listed = migration.disposable()
    dropped = migration.clean_up(by=actor()) if chosen.yes else []
    lines = [f"{found.generation}: {found.reason}" for found in listed] or ["Nothing to clean up."]
    if chosen.yes and listed:
        lines.append(f"Dropped {len(dropped)} of {len(listed)}.")
    elif listed:
        lines.append("Nothing was dropped; `manage.py reembed cleanup --yes` does.")
    told = [{"generation": str(found.generation), "reason": found.reason} for found in listed]
    speech.answer("\n".join(lines), disposable=told, dropped=[str(found) for found in dropped])
    return ExitCode.DONE


def report_lines(report: Verification) -> list[str]:
    """Describe an examination: the verdict, and a line for each check."""
    lines = [f"{report.generation}: {report.get_state_display()}. {report.message}".rstrip()]
    return lines + [f"  {SIGNS[check['passed']]}  {check['sentence']}" for check in report.checks]


def _report(report: Verification) -> dict[str, Any]:
    return {
        "verification": report.pk,
        "generation": str(report.generation),
        "state": report.state,
        "message": report.message,
        "checks": report.checks,
    }


def _live(generation: Generation, speech: Speech) -> int:
    generation.refresh_from_db()
    text = f"{generation} is live: searches of {generation.model} read it."
    speech.answer(text, generation=str(generation), model=generation.model, state=generation.state)
    return ExitCode.DONE
