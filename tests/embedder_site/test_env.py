"""Paths and secrets from outside."""

import fcntl
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedder_site.running import BASE_DIR, Site


def said(site: Site, expression: str, cwd: Path, **extra: str) -> str:
    code = f"from embedder_site import env, settings; print({expression})"
    environment = site.environment(PYTHONPATH=str(BASE_DIR), **extra)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_relative_path_starts_where_the_caller_is(stopped_site: Site, tmp_path: Path) -> None:
    assert (
        said(stopped_site, "settings.MUSIC", Path("/"), MUSIC="music", CALLER_DIR=str(tmp_path)) == f"{tmp_path}/music"
    )


def test_a_home_folder_is_understood(stopped_site: Site, tmp_path: Path) -> None:
    assert said(stopped_site, "settings.MUSIC", Path("/"), MUSIC="~/music", HOME=str(tmp_path)) == f"{tmp_path}/music"


def test_a_secret_is_kept_and_private(stopped_site: Site, tmp_path: Path) -> None:
    first = said(stopped_site, "settings.SECRET_KEY", tmp_path)
    assert len(first) > 40
    assert said(stopped_site, "settings.SECRET_KEY", tmp_path) == first
    assert [path.name for path in stopped_site.var_dir.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((stopped_site.var_dir / "secret_key").stat().st_mode) == 0o600


def test_addresses_left_by_a_dead_supervisor_count_for_nothing(stopped_site: Site, tmp_path: Path) -> None:
    run = stopped_site.var_dir / "run"
    run.mkdir(parents=True)
    (run / "supervisor.lock").write_text("1\n")
    (run / "services.json").write_text('{"redis_url": "redis://left/0"}')
    assert said(stopped_site, "settings.REDIS_URL", tmp_path) == "redis://127.0.0.1:26379/0"


@pytest.fixture
def remembering_site(stopped_site: Site) -> Site:
    """A site whose supervisor was given Navidrome's database once."""
    stopped_site.var_dir.mkdir()
    source = {"music": "", "navidrome_db": "/data/navidrome.db", "navidrome_path_map": "/music=/mnt"}
    (stopped_site.var_dir / "library.json").write_text(json.dumps(source))
    return stopped_site


SOURCE = "settings.MUSIC, settings.NAVIDROME_DB, settings.NAVIDROME_PATH_MAP"


def test_a_source_that_nobody_names_is_the_last_one(remembering_site: Site) -> None:
    assert said(remembering_site, SOURCE, Path("/")) == "/data/navidrome.db /music=/mnt"


def test_a_source_that_somebody_names_replaces_the_last_one_as_a_whole(remembering_site: Site) -> None:
    assert said(remembering_site, SOURCE, Path("/"), MUSIC="/music") == "/music"


def test_a_running_supervisor_knows_better_than_the_last_one(remembering_site: Site) -> None:
    run = remembering_site.var_dir / "run"
    run.mkdir()
    (run / "services.json").write_text('{"music": "", "navidrome_db": "", "navidrome_path_map": ""}')
    with (run / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert said(remembering_site, SOURCE, Path("/")) == ""
    assert "navidrome.db" in said(remembering_site, SOURCE, Path("/"))


CHOICES = "settings.MODELS, settings.CHECKPOINTS['muq']"


def test_models_and_their_folders_that_nobody_names_are_the_last_ones(remembering_site: Site, tmp_path: Path) -> None:
    kept = {"music": "/music", "models": "muq,acoustic", "muq_checkpoint": "/checkpoints/muq"}
    (remembering_site.var_dir / "library.json").write_text(json.dumps(kept))
    assert said(remembering_site, CHOICES, tmp_path) == "['muq', 'acoustic'] /checkpoints/muq"
    named = {"MODELS": "acoustic", "MUQ_CHECKPOINT": "other", "CALLER_DIR": str(tmp_path)}
    assert said(remembering_site, CHOICES, tmp_path, **named) == f"['acoustic'] {tmp_path}/other"


def test_without_a_choice_the_model_is_the_one_that_needs_nothing(stopped_site: Site, tmp_path: Path) -> None:
    assert said(stopped_site, CHOICES, tmp_path) == "['acoustic']"
