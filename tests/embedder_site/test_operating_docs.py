"""The page about operating the site names every variable that the site reads."""

import re
from pathlib import Path

import pytest

from embeddings.embedders import SPECS
from embeddings.embedders.checkpoints.files import variable
from tests.embedder_site.running import BASE_DIR

CODE = "".join((BASE_DIR / "embedder_site" / name).read_text() for name in ("env.py", "settings.py"))
READ = set(re.findall(r'(?:env\.\w+|path|address|given)\(\s*"([A-Z][A-Z_]+)"', CODE))
READ |= {variable(key) for key, spec in SPECS.items() if spec.checkpoint}
READ |= {"HF_HOME", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_ENDPOINT"}


def test_variables_are_found_at_all() -> None:
    assert {"VAR_DIR", "REDIS_URL", "MUSIC", "DATABASE_URL", "LOG_LEVEL"} <= READ


@pytest.mark.parametrize("variable", sorted(READ))
def test_a_variable_is_explained(variable: str) -> None:
    assert f"| `{variable}` |" in (BASE_DIR / "docs" / "operating.md").read_text()


def test_models_whose_files_are_not_pinned_are_named() -> None:
    page = (BASE_DIR / "docs" / "operating.md").read_text()
    loose = {key for key, spec in SPECS.items() for files in spec.checkpoint if len(files.revision) != 40}
    assert loose == set(re.findall(r"The file of `(\w+)` is the newest\s+one at the time", page))


@pytest.mark.parametrize("key", [key for key, spec in SPECS.items() if spec.checkpoint])
def test_the_layout_of_a_local_checkpoint_is_the_spec_s(key: str) -> None:
    page = (BASE_DIR / "docs" / "operating.md").read_text()
    for files in SPECS[key].checkpoint:
        commanded = f"hf download {files.repository} {' '.join(files.names)} --revision {files.revision}"
        assert f"{commanded} --local-dir {Path(key, files.folder)}" in page
