"""Faults of people: two who start at the same instant, and one who cancels what is just finishing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random

from embeddings.models import BatchJob, Generation, GenerationState, Track
from tests.embedder_site.running import BASE_DIR
from tests.faults.stage import PATIENCE, Aftermath, Stage, finished, settled
from tests.services import until


def start_twice(stage: Stage, chance: Random) -> Aftermath:
    """Two commands and two requests, all at one moment."""
    newest = BatchJob.objects.newest()
    starters = [_starter(stage) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        told = [pool.submit(each.communicate, "now\n", 120) for each in starters]
        asked = [pool.submit(stage.ask, "POST", "jobs", {}) for _ in range(2)]
        said = [future.result()[0] for future in told]
        statuses = [future.result()[0] for future in asked]
    started = BatchJob.objects.filter(pk__gt=newest.pk if newest else 0).order_by("pk")
    won = statuses.count(201) + sum(each.returncode == 0 for each in starters)
    refused = statuses.count(409) + sum("or cancel it first" in words for words in said)
    return Aftermath(job=started[0], doubled=abs(won - 1) + abs(refused - 3) + started.count() - 1)


def _starter(stage: Stage) -> "subprocess.Popen[str]":
    """A command that waits for its word, like somebody with a finger on the key."""
    command = [sys.executable, "-m", "tests.faults.starter"]
    starter = subprocess.Popen(
        command, env=stage.environment(), cwd=BASE_DIR, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert starter.stdout
    while starter.stdout.readline() not in {"ready\n", ""}:
        pass
    return starter


def cancel_at_the_end(stage: Stage, chance: Random) -> Aftermath:
    """Somebody cancels in the moment in which the last operations are settled."""
    job = stage.start_job()
    wanted = Track.objects.count() - chance.randint(0, 4)
    until(lambda: settled(job) >= wanted or finished(job), seconds=PATIENCE)
    status, _ = stage.post(f"jobs/{job.pk}/cancel")
    assert status in {200, 409}, status
    return Aftermath(job=job)


def cancel_anywhere(stage: Stage, chance: Random) -> Aftermath:
    """Somebody cancels at a random moment, the planning included."""
    job = stage.start_job()
    stage.some_moment(job, chance)
    stage.post(f"jobs/{job.pk}/cancel")
    return Aftermath(job=job)


def promote_against_cleanup(stage: Stage, chance: Random) -> Aftermath:
    """Somebody cleans up while somebody else brings back what the cleanup would drop."""
    for _ in range(2):
        job = stage.start_rebuild()
        until(lambda: finished(job), seconds=PATIENCE)  # noqa: B023 - waited for at once
    retired = Generation.objects.filter(model="acoustic", state=GenerationState.RETIRED, vectors__isnull=False)
    oldest = retired.order_by("number").distinct().first()
    assert oldest, "nothing was retired"
    deeds = [["promote", str(oldest), "--force", "--because", "It sounded better."], ["cleanup", "--yes"]]
    chance.shuffle(deeds)
    rivals = [_manage(stage, "reembed", *deed) for deed in deeds]
    said = [rival.communicate(timeout=120)[0] for rival in rivals]
    # One of the two may come too late, and says so; neither may break.
    broke = sum("Traceback" in words for words in said)
    return Aftermath(job=job, doubled=broke + abs(_live() - 1))


def _live() -> int:
    return Generation.objects.filter(model="acoustic", state=GenerationState.LIVE).count()


def _manage(stage: Stage, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    return subprocess.Popen(
        command, env=stage.environment(), cwd=BASE_DIR, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
