"""compose.yaml: an .env file with the passwords alone is enough, and what may be said to models reaches them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedder_site.running import BASE_DIR, Site

PAGE = (BASE_DIR / "compose.yaml").read_text()
SHARED = PAGE.partition("environment: &environment")[2].partition("volumes: &volumes")[0]
GIVEN = dict(re.findall(r"^    ([A-Z_]+): (.*)$", SHARED, re.MULTILINE))
"""What every program is told, before Compose puts variables in."""
FOR_MODELS = {"DEVICE", "PRECISION", "MAX_GPU_MEMORY_GB", "MODEL_IDLE_SECONDS", "TEXT_TIMEOUT_SECONDS"}
FOR_MODELS |= {"TEXT_CHECKPOINT_DIR", "TEXT_USE_STUBS", "MUQ_CHECKPOINT", "MERT_CHECKPOINT", "LATENT_CHECKPOINT"}
FOR_MODELS |= {"HF_HOME", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_ENDPOINT"}
FOR_JOBS = {f"JOB_{name}" for name in ("SLICE_SIZE", "LEASE_SECONDS", "MAX_RETRIES", "SWEEP_SECONDS", "STALL_SECONDS")}
FOR_JOBS |= {
    "WORKER_NICE",
    "VERIFY_COVERAGE",
    "VERIFY_SAMPLE",
    "VERIFY_SECONDS",
    "RETIRED_DAYS",
    "GONE_DAYS",
    "SYNC_SCHEDULE",
}
FOR_OTHERS = {f"NAVIDROME_{name}" for name in ("URL", "USER", "PASSWORD", "PASSWORD_FILE", "POLL_SECONDS")}
FOR_OTHERS |= {"LOG_FORMAT", "LOG_LEVEL", "METRICS_NETWORKS"}
EMPTY_COUNTS = {"SYNC_SCHEDULE", "METRICS_NETWORKS"}
"""Variables that somebody may set to nothing, and means it."""


def without_env_file(value: str) -> str:
    """What Compose makes of a value when nothing is set but what has to be."""
    return re.sub(r"\$\{\w+(?::?-(.*?)|:\?.*?)\}", lambda found: "x" if found[1] is None else found[1], value)


@pytest.fixture
def told(stopped_site: Site) -> dict[str, str]:
    """The environment of a container, on this machine."""
    given = {name: without_env_file(value) for name, value in GIVEN.items()}
    return stopped_site.environment(**given, PYTHONPATH=str(BASE_DIR))


@pytest.mark.parametrize("variable", sorted(FOR_MODELS | FOR_JOBS | FOR_OTHERS))
def test_what_may_be_said_is_passed_on(variable: str) -> None:
    sign = "-" if variable in EMPTY_COUNTS else ":-"
    assert variable == "HF_HOME" or f"${{{variable}{sign}" in GIVEN[variable]


def test_backups_outlive_the_container_that_made_them() -> None:
    shared = PAGE.partition("volumes: &volumes")[2].partition("services:")[0]
    assert f"- backups:{GIVEN['BACKUP_DIR']}\n" in shared
    assert "\n  backups:\n" in PAGE.rpartition("\nvolumes:")[2]
    assert GIVEN["BACKUP_DIR"] in (BASE_DIR / "Dockerfile").read_text()


def test_what_nobody_says_of_jobs_is_as_without_compose(told: dict[str, str], stopped_site: Site) -> None:
    names = sorted(FOR_JOBS | FOR_OTHERS)
    code = f"from embedder_site import settings as s; print(*(repr(getattr(s, name)) for name in {names}), sep='\\n')"
    plain = {**stopped_site.environment(), "PYTHONPATH": str(BASE_DIR)}
    said = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
        for env in (told, plain)
    ]
    assert said[0].splitlines() == said[1].splitlines()


def test_what_nobody_sets_is_as_without_compose(told: dict[str, str], tmp_path: Path) -> None:
    names = ("MAX_GPU_MEMORY_GB", "MODEL_IDLE_SECONDS", "TEXT_TIMEOUT_SECONDS", "TEXT_USE_STUBS", "DEVICE", "PRECISION")
    code = (
        "from embedder_site import settings as s; from embeddings.embedders.checkpoints.hub import Hub; "
        f"hub = Hub.configured(); print(*(getattr(s, name) for name in {names}), hub.endpoint, hub.offline)"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, check=False)
    models, hub = ["0.0", "360.0", "10", "False", "auto", "auto"], ["https://huggingface.co", "False"]
    assert said.stdout.split() == models + hub, said.stderr
