"""How jobs look in a terminal: a live bar, and a summary in words."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from embeddings.domain import Progress as JobProgress
from embeddings.jobs.progress import progress_of
from embeddings.models import BatchJob

POLL_SECONDS = 0.5


def watch(job: BatchJob, *, live: bool, write: Callable[[str], object]) -> BatchJob:
    """Follow a job until it is finished: a bar that moves in place, or in a log a line at each tenth."""
    return _watch_live(job) if live else _watch_log(job, write)


def _watch_live(job: BatchJob) -> BatchJob:
    columns = (
        TextColumn("{task.fields[state]:>10}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[rate]}  {task.fields[eta]}"),
        TextColumn("[dim]{task.fields[current]}"),
    )
    with Progress(*columns, console=Console(), refresh_per_second=4) as bar:
        line = bar.add_task("", total=1, state=job.state, rate="", eta="", current="")
        while True:
            job.refresh_from_db()
            counted = progress_of(job)
            bar.update(
                line,
                total=counted.operations.total or 1,
                completed=counted.operations.settled,
                state=counted.state,
                rate=pace(counted),
                eta=f"{duration(counted.eta_seconds)} left" if counted.eta_seconds is not None else "",
                current=escape((counted.message or counted.current_track)[:48]),
            )
            if not job.is_active:
                return job
            time.sleep(POLL_SECONDS)


def _watch_log(job: BatchJob, write: Callable[[str], object]) -> BatchJob:
    said = ""
    while True:
        job.refresh_from_db()
        counted = progress_of(job)
        line = f"{counted.state} {counted.message}".rstrip()
        if counted.operations.total:
            line += f" {int(counted.percent // 10) * 10} %"
        if line != said:
            said = line
            counts = f"  {counted.operations.settled}/{counted.operations.total}" if counted.operations.total else ""
            write(f"{line}{counts}  {pace(counted)}".rstrip())
        if not job.is_active:
            return job
        time.sleep(POLL_SECONDS)


def pace(counted: JobProgress) -> str:
    """Say how fast it goes."""
    unit = "tracks" if counted.tracks.total == counted.operations.total else "operations"
    return f"{counted.rate * 3600:,.0f} {unit}/hour" if counted.rate else ""


def duration(seconds: float) -> str:
    """Say a length of time the way people do."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def summary_of(job: BatchJob, counted: JobProgress) -> str:
    """Describe a job in a few lines."""
    ops = counted.operations
    counts = f"{ops.done} of {ops.total} done, {ops.failed} failed, {ops.cancelled} cancelled"
    counts += f", {counted.skipped} current already"
    lines = [f"Job {job.pk} is {job.state}: {counts}; {duration(counted.elapsed_seconds)}."]
    lines += [f"  {count:6d} × {code}" for code, count in sorted(counted.failures.items(), key=lambda pair: -pair[1])]
    if job.message:
        lines.append(f"  {job.message}")
    return "\n".join(lines)
