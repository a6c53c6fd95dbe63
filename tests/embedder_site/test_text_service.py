"""`make run` with a model that reads text: a worker for prompts runs beside the others, with its tower loaded."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedder_site.supervisor.run import Wishes, web_and_workers
from tests.checkpoints.muq import write_muq
from tests.embedder_site.running import Site
from tests.services import until

ASK = """
import numpy
from embeddings import conf
from embeddings.embedders import get_spec
from embeddings.jobs.identity import installed, located
from embeddings.jobs.prompts import read_prompt
from embeddings.models import Generation, Identity
spec = get_spec("muq")
digest = located(spec, conf.models(), print).digest
Generation.objects.open(spec, state="live", identity=Identity(checkpoint=digest, packages=installed(spec)))
vector = read_prompt("muq", "sad slow piano").vector
print(len(vector), f"{numpy.linalg.norm(vector):.4f}")
"""
"""A library embedded with the worker's checkpoint, and a prompt."""


class ReadingSite(Site):
    """A site whose models are `acoustic` and a small `muq`."""

    def environment(self, **extra: str) -> dict[str, str]:
        """What its programs are told."""
        folder = self.var_dir.parent / "muq"
        return super().environment(**{"MODELS": "acoustic,muq", "MUQ_CHECKPOINT": str(folder), **extra})


@pytest.fixture
def reading_site(tmp_path: Path) -> Iterator[ReadingSite]:
    """A site that nobody has started."""
    (tmp_path / "muq").mkdir()
    write_muq(tmp_path / "muq", full=False)
    made = ReadingSite(tmp_path / "var")
    yield made
    made.clear_away()


def test_a_model_that_reads_text_gets_a_worker_for_prompts(reading_site: ReadingSite) -> None:
    reading_site.start()
    assert re.search(r"^text +ready +turns prompts into vectors", reading_site.said, re.MULTILINE)
    log = reading_site.var_dir / "log" / "text.log"
    until(lambda: "text tower loaded model=muq" in log.read_text())
    asked = reading_site.manage("shell", "--verbosity", "0", "--command", ASK)
    assert asked.stdout.split() == ["512", "1.0000"], asked.stderr
    before = reading_site.pid_of("--queue text")
    os.kill(before, signal.SIGKILL)
    until(lambda: any("--queue text" in line and pid != before for pid, line in reading_site.alive().items()))
    assert reading_site.end() == 0
    assert reading_site.alive() == {}


@pytest.mark.parametrize(
    ("models", "workers", "serve", "expected"),
    [
        (["acoustic"], 1, True, ["web", "worker-1"]),
        (["acoustic", "muq"], 2, True, ["web", "worker-1", "worker-2", "text"]),
        (["acoustic", "latent"], 1, True, ["web", "worker-1", "text"]),
        (["muq"], 0, True, ["web"]),
        (["muq"], 1, False, ["worker-1"]),
    ],
)
def test_prompts_are_read_where_somebody_may_ask(
    settings: Any, tmp_path: Path, models: list[str], workers: int, *, serve: bool, expected: list[str]
) -> None:
    settings.MODELS = models
    settings.TEXT_CHECKPOINT_DIR = str(tmp_path)
    (tmp_path / "latent_best_r1.pt").touch()
    wishes = Wishes(host="127.0.0.1", port=9002, workers=workers, serve=serve, embed=False)
    assert [spec.name for spec in web_and_workers(wishes, "redis://127.0.0.1:1/0")] == expected
