"""`make run`, seen from outside: what runs, what comes back, and what is left afterwards."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.embedder_site.running import BASE_DIR, Site, lives
from tests.services import until


def test_every_part_is_started_once(site: Site) -> None:
    lines = " ".join(site.alive().values())
    assert [lines.count(part) for part in ("valkey-server", "lite_server", "manage.py work")] == [1, 1, 1]


def test_the_terminal_says_one_line_per_ready_service(site: Site) -> None:
    until(lambda: "schedule   ready" in site.said)
    ready = re.findall(r"^(\S+) +ready ", site.said, re.MULTILINE)
    assert sorted(ready) == ["queue", "schedule", "vectors", "web", "worker-1"]


def test_the_front_door_leads_to_a_page_with_its_style(site: Site) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/") as answer:
        page = answer.read().decode()
    style = re.search(r'href="(/static/admin/css/base[^"]*)"', page)
    assert style
    assert urllib.request.urlopen(f"http://127.0.0.1:{site.port}{style[1]}").status == 200


def test_no_other_user_can_read_the_queue_s_password(site: Site) -> None:
    secret = (site.var_dir / "redis_password").read_text()
    holders = [path for path in site.var_dir.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert {path.name for path in holders} == {"redis_password", "valkey.conf", "services.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}
    assert not [line for line in site.alive().values() if secret in line]


def test_the_queue_refuses_who_does_not_know_the_password(site: Site) -> None:
    import redis

    url = json.loads((site.var_dir / "run" / "services.json").read_text())["redis_url"]
    stranger = redis.Redis.from_url(re.sub(r"//.*@", "//", url))
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_a_second_supervisor_is_refused_with_a_sentence(site: Site) -> None:
    second = site.manage("up", "--no-job", "--once")
    assert second.returncode == 1
    assert re.search(r"Another supervisor \(process \d+\) already runs", second.stderr)
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("part", ["manage.py work", "valkey-server"])
def test_a_crashed_child_comes_back(site: Site, part: str) -> None:
    before = site.pid_of(part)
    os.kill(before, signal.SIGKILL)
    until(lambda: any(part in line and pid != before for pid, line in site.alive().items()))
    assert "was ended by SIGKILL, starting it again in 1 s" in site.said


def test_a_busy_port_is_refused_before_anything_starts(site: Site, tmp_path: Path) -> None:
    elsewhere = Site(tmp_path / "var")
    refused = elsewhere.manage("up", "--no-job", "--port", str(site.port))
    assert refused.returncode == 1
    assert f"make run PORT={site.port + 1}" in refused.stderr
    assert not (tmp_path / "var" / "run").exists()


@pytest.mark.parametrize(
    "option", [["--port", "99999"], ["--port", "abc"], ["--workers", "two"], ["--host", "no.such.host.invalid"]]
)
def test_an_impossible_address_is_refused_with_a_sentence(stopped_site: Site, option: list[str]) -> None:
    refused = stopped_site.manage("up", "--no-job", *option)
    assert refused.returncode == 1
    assert re.match(r"CommandError: (PORT|HOST|WORKERS)=\S+ is no", refused.stderr)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("MUSIC", "/nowhere", "MUSIC is no folder: /nowhere"),
        ("NAVIDROME_DB", "/nowhere.db", "NAVIDROME_DB is no file: /nowhere.db"),
        ("MODELS", "unheard", "There is no model 'unheard'"),
        ("DEVICE", "gpu", "DEVICE=gpu is no device"),
        ("PRECISION", "float16", "PRECISION=float16 is no precision"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(
    stopped_site: Site, setting: str, value: str, sentence: str
) -> None:
    refused = stopped_site.manage("up", "--once", **{setting: value})
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"CommandError: {sentence}")
    assert not (stopped_site.var_dir / "run").exists()


def test_a_checkpoint_that_cannot_be_had_is_refused_before_anything_starts(stopped_site: Site, tmp_path: Path) -> None:
    nothing = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    refused = stopped_site.manage("up", "--once", MODELS="acoustic,mert", **nothing)
    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: mert's checkpoint is not on this machine, and HF_HUB_OFFLINE")
    assert not (stopped_site.var_dir / "run").exists()


def test_a_checkpoint_folder_with_missing_files_is_refused(stopped_site: Site, tmp_path: Path) -> None:
    refused = stopped_site.manage("up", "--once", MODELS="latent", LATENT_CHECKPOINT=str(tmp_path))
    assert refused.stderr.startswith(f"CommandError: LATENT_CHECKPOINT={tmp_path} lacks music2latent.pt; copy")


def test_who_starts_no_worker_needs_no_checkpoint(stopped_site: Site, tmp_path: Path) -> None:
    settings = {"MODELS": "latent", "LATENT_CHECKPOINT": str(tmp_path), "MUSIC": "/nowhere"}
    refused = stopped_site.manage("up", "--once", "--workers", "0", **settings)
    assert refused.stderr.startswith("CommandError: MUSIC is no folder")


def test_a_folder_without_music_is_refused_before_anything_starts(stopped_site: Site, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    refused = stopped_site.manage("up", "--once", MUSIC=str(tmp_path / "empty"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"CommandError: No music was found in {tmp_path / 'empty'} (mp3, flac")
    assert not (stopped_site.var_dir / "run").exists()


def test_the_music_folder_is_named_once(stopped_site: Site, tmp_path: Path) -> None:
    music = tmp_path / "music"
    shutil.copytree(BASE_DIR / "sample" / "Flare", music / "Flare")
    first = stopped_site.manage("up", "--once", "--no-job", "--workers", "0", MUSIC=str(music))
    assert (first.returncode, "schedule" in first.stdout) == (0, False)
    again = stopped_site.manage("up", "--once", "--no-job", "--workers", "0")
    assert f"the folder {music} (as last time)" in again.stdout
    shutil.rmtree(music)
    assert f"MUSIC is no folder: {music} (as last time)" in stopped_site.manage("up").stderr


def test_stopping_leaves_nothing_and_the_password_is_said_once(stopped_site: Site) -> None:
    first = stopped_site.start()
    assert first.said.count("with the password") == 1
    secret = (stopped_site.var_dir / "redis_password").read_text()
    assert first.end(signal.SIGTERM) == 0
    assert stopped_site.alive() == {}
    assert not (stopped_site.var_dir / "run" / "services.json").exists()

    again = stopped_site.start()
    assert "with the password" not in again.said
    assert (stopped_site.var_dir / "redis_password").read_text() == secret
    assert again.end(signal.SIGINT) == 0
    assert stopped_site.alive() == {}


def test_a_killed_supervisor_leaves_nothing_and_its_addresses_count_no_more(stopped_site: Site) -> None:
    stopped_site.start("--workers", "2").end(signal.SIGKILL)
    until(lambda: stopped_site.alive() == {}, seconds=10)
    assert (stopped_site.var_dir / "run" / "services.json").exists()
    queue = next(
        f for f in json.loads(stopped_site.manage("doctor", "--json").stdout)["findings"] if f["subject"] == "queue"
    )
    assert queue["answer"] == "not running"


def test_a_supervisor_killed_in_the_middle_of_a_job_leaves_no_decoder(stopped_site: Site) -> None:
    stopped_site.begin()
    until(lambda: bool(stopped_site.decoders()) or "Open http" in stopped_site.said)
    decoders = stopped_site.decoders()
    assert decoders, stopped_site.said
    stopped_site.end(signal.SIGKILL)
    until(lambda: not stopped_site.alive() and not any(map(lives, decoders)), seconds=10)
    assert not stopped_site.decoders()


def test_nobody_has_to_listen(stopped_site: Site) -> None:
    command = f"{sys.executable} manage.py up --no-job --once | head -n 1"
    environment = stopped_site.environment()
    shown = subprocess.run(
        command, shell=True, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=True
    )
    assert "Traceback" not in shown.stderr
    assert stopped_site.alive() == {}
