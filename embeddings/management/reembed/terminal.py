"""How jobs look in a terminal: a live bar, and a summary in words."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.db import connection
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from embeddings.jobs.progress import progress_of
from embeddings.jobs.waiting import DATABASE_AWAY
from embeddings.models import BatchJob, Generation, TrackFailure, failure_codes
from embeddings.reports import Progress as JobProgress

POLL_SECONDS = 0.5
NO_DATABASE = "the database does not answer; waiting for it"
Write = Callable[[str], object]


def watch(job: BatchJob, *, live: bool, write: Write) -> BatchJob:
    """Follow a job until it is finished: a bar that moves in place, or in a log a line at each tenth."""
    return _watch_live(job) if live else _watch_log(job, write)


def _looks(job: BatchJob) -> Iterator[JobProgress | None]:
    """Count a job again and again until it is finished; None while the database does not answer."""
    while True:
        try:
            job.refresh_from_db()
            counted = progress_of(job)
        except DATABASE_AWAY:
            # It may be restarted in the middle of a job of two days; a connection does not survive that.
            connection.close()
            yield None
        else:
            yield counted
            if not job.is_active:
                return
        time.sleep(POLL_SECONDS)


def _watch_live(job: BatchJob) -> BatchJob:
    columns = (
        TextColumn("{task.fields[state]:>10}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}  {task.fields[rate]}  {task.fields[eta]}"),
        TextColumn("[dim]{task.fields[current]}"),
    )
    with Progress(*columns, console=Console(), refresh_per_second=4) as bar:
        line = bar.add_task("", total=100, state="", counts="", rate="", eta="", current="")
        for counted in _looks(job):
            if counted is None:
                bar.update(line, current=NO_DATABASE)
                continue
            bar.update(
                line,
                completed=counted.percent,
                state=state_of(job),
                counts=counts_of(counted),
                rate=pace(counted),
                eta=f"{duration(counted.eta_seconds)} left" if counted.eta_seconds is not None else "",
                current=escape(current_of(counted)[:60]),
            )
    return job


def _watch_log(job: BatchJob, write: Write) -> BatchJob:
    said, told = "", set[str]()
    for counted in _looks(job):
        lines = worker_lines(counted) if counted else []
        for line in lines:
            if line not in told:
                write(line)
        told = set(lines) if counted else told
        key, line = _log_line(job, counted)
        if key != said:
            said = key
            write(line)
    return job


def _log_line(job: BatchJob, counted: JobProgress | None) -> tuple[str, str]:
    """What is worth a line of its own, and the line."""
    if counted is None:
        return NO_DATABASE, NO_DATABASE
    key = f"{state_of(job)} {'stalled' if counted.stalled else ''} {counted.message}".rstrip()
    line = " ".join(part for part in (state_of(job), counted.stalled, counted.message) if part)
    if counted.operations.total:
        tenth = f" {int(counted.percent // 10) * 10} %"
        key, line = key + tenth, line + tenth
    return key, f"{line}  {counts_of(counted)}  {pace(counted)}".rstrip()


def state_of(job: BatchJob) -> str:
    """Name the state the way people write."""
    return job.state.replace("_", " ")


def counts_of(counted: JobProgress) -> str:
    """Say how many of how many, once there are any."""
    return f"{counted.operations.worked}/{counted.operations.total}" if counted.operations.total else ""


def current_of(counted: JobProgress) -> str:
    """Say what is going on: why nothing moves, the track in hand, or what workers do before the first."""
    said = counted.stalled or counted.message or counted.current_track
    return said or "; ".join(line.sentence for line in counted.workers)


def worker_lines(counted: JobProgress) -> list[str]:
    """Say what each worker does, a line each."""
    return [f"  {line.name}: {line.sentence}" for line in counted.workers]


def pace(counted: JobProgress) -> str:
    """Say how fast it goes."""
    unit = "tracks" if counted.tracks.total == counted.operations.total else "operations"
    if not counted.rate:
        return ""
    return f"{counted.rate * 3600:,.0f} {unit}/hour ({counted.rate * 60:,.1f} a minute)"


def duration(seconds: float) -> str:
    """Say a length of time the way people do."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def summary_of(job: BatchJob, counted: JobProgress) -> str:
    """Describe a job in a few lines: what came of it, and why what failed did."""
    ops = counted.operations
    parts = [f"{ops.done} embedded"]
    parts += [f"{count} {word}" for count, word in ((ops.failed, "failed"), (ops.cancelled, "cancelled")) if count]
    parts += [f"{ops.pending + ops.running} to do"] if job.is_active and ops.total else []
    parts += [f"{counted.skipped} up to date"] if counted.skipped else []
    lines = [f"Job {job.pk} is {state_of(job)}: {', '.join(parts)}; {duration(counted.elapsed_seconds)}."]
    meanings = dict(failure_codes())
    for code, count in sorted(counted.failures.items(), key=lambda pair: -pair[1]):
        lines.append(f"  {count:6d} × {code}: {meanings.get(code, '')}")
    if counted.failures:
        lines.append(f"  Which files, and why: manage.py reembed failures {job.pk}")
    if job.message:
        lines.append(f"  {job.message}")
    if job.is_active:
        lines += [f"  {line}" for line in _standing(job, counted)] + worker_lines(counted)
    if job.rebuild:
        lines += [f"  {built} is {built.state}." for built in Generation.objects.filter(pk__in=job.targets.values())]
    if counted.slices:
        lines.append(f"  {_slices(counted)}")
    return "\n".join(lines)


def _standing(job: BatchJob, counted: JobProgress) -> Iterable[str]:
    """Say how far an active job is, and what keeps it."""
    percent = f"{counted.percent:.1f} %"
    ends = f", {duration(counted.eta_seconds)} left" if counted.eta_seconds is not None else ""
    yield f"{percent} at {pace(counted) or 'an unknown pace'}{ends}; started {_moment(job.started_at)}."
    if counted.stalled:
        yield counted.stalled
    if counted.retry_at:
        yield f"Tries again by itself at {_moment(counted.retry_at)}."
    if counted.waiting_retries:
        yield f"{counted.waiting_retries} operations failed and are tried again by themselves."
    if counted.last_track:
        yield f"Last settled: {counted.last_track}"


def _slices(counted: JobProgress) -> str:
    """Say how long slices took."""
    parts = [f"{counted.slices} slice{'' if counted.slices == 1 else 's'}"]
    if counted.slice_seconds_median is not None and counted.slice_seconds_p95 is not None:
        parts.append(f"median {counted.slice_seconds_median:.1f} s, p95 {counted.slice_seconds_p95:.1f} s")
    if counted.memory_mb is not None:
        parts.append(f"largest worker {counted.memory_mb:,.0f} MB")
    return "; ".join(parts) + "."


def _moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else "not yet"


def failure_lines(failures: Iterable[TrackFailure]) -> Iterable[str]:
    """Describe failed attempts, a line each."""
    for failure in failures:
        yield f"{failure.code:<22} {failure.path}: {failure.message}"
