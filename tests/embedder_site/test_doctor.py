"""The doctor's words: with everything running, with nothing running, and without anybody's password."""

import json
from pathlib import Path

import pytest

from embedder_site.doctor import mask
from tests.embedder_site.running import Site
from tests.services import free_port


def findings(site: Site, **extra: str) -> dict[str, dict[str, str]]:
    answer = site.manage("doctor", "--json", **extra)
    return {found["subject"]: found for found in json.loads(answer.stdout)["findings"]}


def test_all_is_well_while_a_site_runs(site: Site) -> None:
    answer = site.manage("doctor")
    assert answer.returncode == 0, answer.stdout
    assert "embedded Valkey" in answer.stdout
    assert "embedded Milvus Lite" in answer.stdout
    assert "1 alive" in answer.stdout


def test_no_password_is_said(site: Site) -> None:
    secret = (site.var_dir / "redis_password").read_text()
    assert secret not in site.manage("doctor").stdout
    assert secret not in site.manage("doctor", "--json").stdout


def test_nothing_running_is_said_and_is_not_well(stopped_site: Site) -> None:
    answer = stopped_site.manage("doctor")
    assert answer.returncode == 1
    assert answer.stdout.count("`make run` starts") == 3
    assert answer.stderr == ""


def test_looking_creates_no_database(stopped_site: Site) -> None:
    assert findings(stopped_site)["database"]["answer"] == "not made yet"
    assert not (stopped_site.var_dir / "db.sqlite3").exists()


def test_a_configured_service_that_is_down_is_named_by_its_variable(stopped_site: Site) -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    queue = findings(stopped_site, REDIS_URL=url)["queue"]
    assert queue["state"] == "missing"
    assert "(REDIS_URL)" in queue["used"]
    assert "hunter2" not in json.dumps(queue)


def test_a_folder_without_music_is_said(stopped_site: Site, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert findings(stopped_site, MUSIC=str(tmp_path / "empty"))["music"]["answer"] == "there is no audio file in it"


def test_an_unmigrated_database_is_said(stopped_site: Site, tmp_path: Path) -> None:
    (tmp_path / "empty.sqlite3").touch()
    database = findings(stopped_site, DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")["database"]
    assert database["state"] == "missing"
    assert database["advice"] == "Run: manage.py migrate"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("postgres://me:se:cr@t@host/music", "postgres://me:***@host/music"),
        ("https://token@host:19530", "https://***@host:19530"),
        ("http://host:19530", "http://host:19530"),
    ],
)
def test_addresses_lose_their_secrets(url: str, masked: str) -> None:
    assert mask(url) == masked
