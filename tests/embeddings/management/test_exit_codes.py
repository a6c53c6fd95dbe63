"""What a script reads: one JSON object, and an exit code."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.db import OperationalError
from django.utils import timezone

from embeddings.embedders import get_spec
from embeddings.jobs import control
from embeddings.jobs.progress import progress_of
from embeddings.management.reembed.speech import Speech, exit_codes
from embeddings.management.reembed.terminal import current_of
from embeddings.models import AuditEntry, BatchJob, Generation, GenerationState, JobState, TrackResult
from embeddings.store.base import VectorStore
from tests.embeddings.management.test_reembed import said
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db(transaction=True)


def refused(*command: str) -> tuple[dict[str, str], int]:
    """The error that a program is told of, and the exit code."""
    out = StringIO()
    with pytest.raises(CommandError) as raised:
        call_command(*command, stdout=out)
    return json.loads(out.getvalue())["error"], raised.value.returncode


def test_what_is_refused_is_an_object_and_a_three(queue: None) -> None:
    error, code = refused("reembed", "cancel", "99", "--json")
    assert error == {"code": "not_found", "message": "There is no job 99."}
    assert code == 3


def test_a_service_that_is_away_is_a_four(settings: Any) -> None:
    away = {name: config | {"URL": "redis://127.0.0.1:9/0"} for name, config in settings.RQ_QUEUES.items()}
    settings.RQ_QUEUES = away
    error, code = refused("reembed", "start", "--json")
    assert error["code"] == "backend_unavailable"
    assert code == 4


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_each_verb_answers_with_one_object(verb: str) -> None:
    job = running_job(2)
    answer = json.loads(said("reembed", verb, "--json"))
    assert answer["job"] == job.pk
    assert answer["state"] in {JobState.PAUSED, JobState.CANCELLED}


def test_status_holds_what_a_script_asks_for() -> None:
    running_job(2)
    answer = json.loads(said("reembed", "status", "--json"))
    wanted = {"state", "percent", "rate_per_minute", "last_track", "failures", "slices", "slice_seconds_p95", "workers"}
    assert wanted <= set(answer)


def test_a_job_that_failed_ends_with_a_one() -> None:
    running_job(1)
    BatchJob.objects.update(state=JobState.FAILED, message="The disk is full.")
    with pytest.raises(SystemExit) as ended:
        said("reembed", "status", "--watch")
    assert ended.value.code == 1


def test_one_track_is_tried_again(few: Path, work: Callable[[], None], store: VectorStore) -> None:
    for file in few.rglob("*.ogg"):
        file.write_text("not a song\n" * 500)
    control.start_job()
    work()
    failed = TrackResult.objects.filter(state="failed")
    one = failed.first()
    assert one is not None
    assert failed.count() > 1
    answer = json.loads(said("reembed", "retry-failed", "--track", str(one.track_id), "--json"))
    assert answer["operations"] == 1


def test_what_was_done_at_a_terminal_is_kept() -> None:
    job = running_job(1)
    said("reembed", "pause")
    deed = AuditEntry.objects.get(job=job)
    assert (deed.action, deed.door) == ("pause", "command")
    assert deed.actor


def test_a_configuration_for_another_generation_is_refused(queue: None, tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    said("reembed", "create-config", str(file))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"source": "embedding_g0009"}))
    error, code = refused("reembed", "start", "--detach", "--config", str(file), "--json")
    assert "embedding_g0009, which is not live here" in error["message"]
    assert code == 3
    assert not BatchJob.objects.exists()


def test_a_configuration_reaches_the_job_and_arguments_win(queue: None, tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"target": "new", "batch_size": 8, "max_retries": 1, "verification": false}')
    said("reembed", "start", "--detach", "--config", str(file), "--batch-size", "16", "--json")
    job = BatchJob.objects.get()
    assert (job.rebuild, job.scope) == (True, "all")
    assert (job.options["batch_size"], job.options["max_retries"], job.options["verify"]) == (16, 1, False)


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text("mine")
    error, _ = refused("reembed", "create-config", str(file), "--json")
    assert error["code"] == "file_exists"
    assert file.read_text() == "mine"


def test_force_needs_a_reason() -> None:
    error, _ = refused("reembed", "promote", "muq", "--force", "--json")
    assert error["code"] == "reason_missing"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--no-backup", "--verify"), {"backup": False, "verify": True}),
        (("--no-rebuild",), {"backup": True, "verify": False}),
    ],
)
def test_arguments_take_back_what_a_file_says(
    queue: None, tmp_path: Path, arguments: tuple[str, ...], expected: dict[str, bool]
) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"target": "new", "backup": true, "verification": false}')
    said("reembed", "start", "--detach", "--config", str(file), *arguments)
    job = BatchJob.objects.get()
    assert job.rebuild is ("--no-rebuild" not in arguments)
    assert {name: job.options[name] for name in expected} == expected


def test_a_scope_that_is_named_leaves_out_the_selection_of_a_file(queue: None, tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"scope": "selection", "selection": {"artist": "Flare"}}')
    said("reembed", "start", "--detach", "--config", str(file), "--scope", "missing")
    assert (BatchJob.objects.get().scope, BatchJob.objects.get().selection) == ("missing", {})


def test_a_source_is_looked_for_among_the_configured_models(queue: None, tmp_path: Path) -> None:
    live = Generation.objects.open(get_spec("acoustic"), state=GenerationState.LIVE)
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"source": live.collection}))
    said("reembed", "start", "--detach", "--config", str(file))
    assert BatchJob.objects.exists()


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (OperationalError("server closed the connection"), "database_unavailable", 4),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
)
def test_what_ends_a_verb_is_an_object_and_a_code(error: BaseException, code: str, exit_code: int) -> None:
    out = StringIO()
    with pytest.raises(CommandError) as raised, exit_codes(Speech(OutputWrapper(out), as_json=True)):
        raise error
    assert json.loads(out.getvalue())["error"]["code"] == code
    assert raised.value.returncode == exit_code


def test_a_watched_job_that_stands_still_says_so(settings: Any) -> None:
    settings.JOB_STALL_SECONDS = 60
    job = running_job(1)
    BatchJob.objects.update(
        started_at=timezone.now() - timedelta(hours=1), resumed_at=timezone.now() - timedelta(hours=1)
    )
    assert "No progress for" in current_of(progress_of(BatchJob.objects.get(pk=job.pk)))
