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
FOR_MODELS |= {"MUQ_CHECKPOINT", "MERT_CHECKPOINT", "LATENT_CHECKPOINT"}
FOR_MODELS |= {"HF_HOME", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_ENDPOINT"}


def without_env_file(value: str) -> str:
    """What Compose makes of a value when nothing is set but what has to be."""
    return re.sub(r"\$\{\w+(?::-(.*?)|:\?.*?)\}", lambda found: "x" if found[1] is None else found[1], value)


@pytest.fixture
def told(stopped_site: Site) -> dict[str, str]:
    """The environment of a container, on this machine."""
    given = {name: without_env_file(value) for name, value in GIVEN.items()}
    return stopped_site.environment(**given, PYTHONPATH=str(BASE_DIR))


@pytest.mark.parametrize("variable", sorted(FOR_MODELS))
def test_what_models_read_is_passed_on(variable: str) -> None:
    assert variable == "HF_HOME" or f"${{{variable}:-" in GIVEN[variable]


def test_what_nobody_sets_is_as_without_compose(told: dict[str, str], tmp_path: Path) -> None:
    names = ("MAX_GPU_MEMORY_GB", "MODEL_IDLE_SECONDS", "TEXT_TIMEOUT_SECONDS", "DEVICE", "PRECISION")
    code = (
        "from embedder_site import settings as s; from embeddings.embedders.checkpoints.hub import Hub; "
        f"hub = Hub.configured(); print(*(getattr(s, name) for name in {names}), hub.endpoint, hub.offline)"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, check=False)
    assert said.stdout.split() == ["0.0", "360.0", "10", "auto", "auto", "https://huggingface.co", "False"], said.stderr
