"""docs/adding-a-model.md, done word for word to a copy of this project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FEW, SAMPLE
from tests.embedder_site.running import BASE_DIR, OURS
from tests.services import free_port

PAGE = BASE_DIR / "docs" / "adding-a-model.md"
COPIED = ("embedder_site", "embeddings", "recommendations", "templates", "manage.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with the model that the page describes, and a little music."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (BASE_DIR / name).is_dir() else shutil.copy2
        copy(BASE_DIR / name, folder / name)
    for name in FEW:
        shutil.copytree(SAMPLE / name, folder / "music" / name)
    for place, block in _blocks():
        path, _, where = place.partition(", ")
        file = folder / path
        if where:
            before, end, after = file.read_text().partition("    )\n}\n")
            file.write_text(before + block + end + after)
        else:
            file.write_text(block)
    return folder


def _blocks() -> list[tuple[str, str]]:
    """The page's blocks of code, each with the comment that says where it goes."""
    found = re.findall(r"^```python\n# (.*?)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 2
    return found


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in OURS}
    environment = kept | {
        "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
        "VAR_DIR": str(project / "var"),
        "MUSIC": str(project / "music"),
        "MODELS": "brightness",
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_the_page_s_model_embeds_music(project: Path) -> None:
    checked = run(project, "manage.py", "check", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr
    ended = run(project, "manage.py", "up", "--once", "--port", str(free_port()))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "brightness" in ended.stdout
    assert re.search(r"8\D+8", ended.stdout), ended.stdout


def test_the_page_s_model_is_written_as_the_project_is(project: Path) -> None:
    for file in ("embeddings/embedders/brightness.py", "embeddings/embedders/__init__.py"):
        copied = project / file
        command = [sys.executable, "-m", "ruff", "check", "--config", str(BASE_DIR / "pyproject.toml"), str(copied)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
