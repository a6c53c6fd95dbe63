"""Keeps how fast a worker was: a `SliceRecord` per slice's worth of settled operations, or minute of a slow model.

The records of one worker do not overlap. Loading a model, waiting and pausing are in none of them.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from django.db import Error, InterfaceError, OperationalError
from django.utils import timezone

from embeddings.models import Done, Failed, Lease, ResultState, SliceRecord

MOST_SECONDS = 60.0
"""How long a record may span while there is anything to write in it."""
PROC = Path("/proc")

log = logging.getLogger(__name__)


class Recorder:
    """Counts what one worker settles in one turn; use it as a context, whose end writes what is left."""

    def __init__(self, lease: Lease, size: int) -> None:
        """Start the clock.

        Args:
            lease: whose turn it is.
            size: operations of one record.

        """
        self._lease = lease
        self._size = size
        # One look at the wall clock, then a clock that nobody sets: records neither overlap nor last less than nothing.
        self._origin = timezone.now()
        self._zero = time.monotonic()
        self._began = 0.0
        self._begin()

    def _begin(self) -> None:
        self._model = ""
        self._counts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._audio_seconds = 0.0

    def count(self, done: Sequence[Done], failed: Sequence[Failed]) -> None:
        """Take what was written: rows that this worker had lost by then are still `running` and do not count.

        Raises:
            OperationalError: the database went away, as it would have for the rows.

        """
        stored = [outcome for outcome in done if outcome.result.state == ResultState.DONE]
        tried = [outcome for outcome in failed if outcome.result.state != ResultState.RUNNING]
        if not stored and not tried:
            return
        self._model = (stored or tried)[0].result.model
        self._counts["done"] += len(stored)
        # What is tried again by itself is pending: an attempt failed, and nothing was settled.
        self._counts["failed"] += sum(outcome.result.state == ResultState.FAILED for outcome in tried)
        self._failures.update(outcome.code for outcome in tried)
        self._audio_seconds += sum(outcome.audio_seconds for outcome in stored)
        self._tell(stored, tried)
        if self._counts.total() >= self._size or self._elapsed() - self._began >= MOST_SECONDS:
            self._write()

    def _tell(self, stored: Sequence[Done], tried: Sequence[Failed]) -> None:
        job_id = self._lease.job_id
        for done in stored:
            log.debug("track embedded job=%s track=%s seconds=%.3f", job_id, done.result.track_id, done.seconds)
        for failed in tried:
            row, said = failed.result, "track failed job=%s track=%s model=%s code=%s attempt=%s again=%s reason=%s"
            again = row.state == ResultState.PENDING
            log.info(said, job_id, row.track_id, row.model, failed.code, row.attempts, again, failed.message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Write what is left; where something broke already, that is what is raised."""
        try:
            self._write()
        except Error as trouble:
            if error is None:
                raise
            log.warning("slice not recorded job=%s reason=%s", self._lease.job_id, trouble)

    def _write(self) -> None:
        if not self._failures and not self._counts.total():
            return
        ended = self._elapsed()
        record = SliceRecord(
            job_id=self._lease.job_id,
            model=self._model,
            worker=self._lease.worker,
            started_at=self._moment(self._began),
            finished_at=self._moment(ended),
            done=self._counts["done"],
            failed=self._counts["failed"],
            failures=dict(self._failures),
            audio_seconds=self._audio_seconds,
            memory_mb=resident_mb(),
        )
        log.info(
            "slice done job=%s model=%s done=%s failed=%s seconds=%.3f memory_mb=%s",
            *(record.job_id, record.model, record.done, record.failed, ended - self._began, record.memory_mb),
        )
        self._began = ended
        self._begin()
        try:
            record.save(force_insert=True)
        except (OperationalError, InterfaceError):
            raise
        except Error as error:
            # Such as a job that somebody deleted: people miss a point in a chart, and the tracks are embedded.
            log.warning("slice not recorded job=%s reason=%s", self._lease.job_id, error)

    def _elapsed(self) -> float:
        return time.monotonic() - self._zero

    def _moment(self, elapsed: float) -> datetime:
        return self._origin + timedelta(seconds=elapsed)


def resident_mb() -> float | None:
    """Megabytes that this process and its children (the decoders) hold in memory; None where /proc does not say.

    Pages that they share, such as those of libraries, count once for each.
    """
    try:
        children = {
            child for task in (PROC / "self" / "task").iterdir() for child in (task / "children").read_text().split()
        }
        own = _resident_kb("self")
    except OSError:
        return None
    return round((own + sum(_resident_kb_of_child(child) for child in children)) / 1024, 1)


def _resident_kb(process: str) -> int:
    for line in (PROC / process / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _resident_kb_of_child(process: str) -> int:
    try:
        return _resident_kb(process)
    except OSError:
        # It ended a moment ago.
        return 0
