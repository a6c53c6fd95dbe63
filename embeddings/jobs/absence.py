"""Libraries whose folder is not there for a worker: their tracks are put off, and fail when that does not end."""

import logging
import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from embeddings.errors import AudioMissing, MusicAway, PermissionDenied
from embeddings.jobs.pipeline import Outcome, Unembeddable
from embeddings.models import BatchJob, Lease, TrackResult
from embeddings.paths import to_bytes

PUT_OFF_SECONDS = 60.0
"""How long the tracks of a library that is away are left alone while there are others to embed."""
MOST_WAITS = 10
"""How often in a row a job waits for music; then nobody expects it any more, and its tracks fail as missing."""
SUBJECT = "The music folder "

log = logging.getLogger(__name__)


class Absence:
    """What one worker finds away in one turn at a job."""

    def __init__(self, lease: Lease, *, patient: bool) -> None:
        """Find nothing away yet.

        Args:
            lease: whose rows are put off.
            patient: whether music that is away is waited for; else a track is missing as any other.

        """
        self._lease = lease
        self._patient = patient
        self._away: dict[int, str] = {}
        self._put_off: dict[int, datetime] = {}

    def explains(self, row: TrackResult, outcome: Outcome) -> bool:
        """Whether a track could not be read because nothing of its library can."""
        return self._patient and is_missing(outcome) and not is_mounted(row.track.library.root)

    def put_off(self, missing: Sequence[TrackResult], in_hand: Iterable[TrackResult]) -> None:
        """Leave libraries that are away alone for a while, so that tracks of others have their turn.

        Args:
            missing: rows whose tracks could not be read.
            in_hand: rows that this worker is at.

        Raises:
            MusicAway: there are no others; nothing was put off.

        """
        self._away.update({row.track.library_id: row.track.library.root for row in missing})
        sentence = " ".join(map(_sentence, sorted(self._away.values())))
        others = any(row.track.library_id not in self._away for row in in_hand)
        if not others and not TrackResult.objects.claimable_beside(self._lease.job_id, self._away):
            raise MusicAway(sentence)
        now = timezone.now()
        until = now + timedelta(seconds=PUT_OFF_SECONDS)
        TrackResult.objects.put_back(self._lease, [row.pk for row in missing], until)
        # What waits is not put off with each track: of a large library that takes a second.
        fresh = [pk for pk in self._away if pk not in self._put_off or self._put_off[pk] <= now]
        if fresh:
            TrackResult.objects.put_off_libraries(self._lease.job_id, fresh, until)
            self._put_off.update(dict.fromkeys(fresh, until))
            BatchJob.objects.note(self._lease.job_id, f"Embedding other music meanwhile: {sentence}")
            log.warning("music put off job=%s reason=%s", self._lease.job_id, sentence)


def is_expected(job: BatchJob) -> bool:
    """Whether music that is away is waited for still."""
    return job.outages < MOST_WAITS or SUBJECT not in job.message


def count_anew(job_id: int) -> None:
    """Begin to count how often a job waits for music, where it has waited for something else before."""
    job = BatchJob.objects.filter(pk=job_id).exclude(message__contains=SUBJECT)
    if job.exists():
        BatchJob.objects.mark_recovered(job_id)


def is_missing(outcome: Outcome) -> bool:
    """Whether a track's file was not there, or could not be read by this user."""
    return isinstance(outcome, Unembeddable) and isinstance(outcome.error, (AudioMissing, PermissionDenied))


def is_mounted(root: str) -> bool:
    """Whether a library's folder, in the text form of `embeddings.paths`, is there and holds what can be reached."""
    try:
        with os.scandir(to_bytes(root)) as entries:
            entry = next(entries, None)
            if entry is not None:
                # Names can be read of a folder that may not be entered; nothing behind them can.
                entry.stat(follow_symlinks=False)
            return entry is not None
    except OSError:
        return False


def _sentence(root: str) -> str:
    return f"{SUBJECT}{root} is not there, is empty, or cannot be read; is its disk mounted?"
