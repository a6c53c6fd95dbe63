"""What a worker says of itself, written to its row from a thread beside the work, at most once a second."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.db import Error, IntegrityError, connection

from embeddings.models import WorkerState

EVERY_SECONDS = 1.0
REMINDER_SECONDS = 10.0
"""How often the same is written again, which says that the worker lives; well under `models.worker.RECENT`."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    job_id: int | None = None
    model: str = ""
    standing: str = ""
    sentence: str = ""


class Bulletin:
    """One worker's account of itself; a model may speak from any of its threads."""

    def __init__(self, slot: str) -> None:
        """Start with nothing to say."""
        self._slot = slot
        self._lock = threading.Lock()
        self._said = _Said()
        self._written = _Said()
        self._written_at = 0.0

    def say(self, sentence: str) -> None:
        """Say something; nothing is written here, so that it costs nothing where it is said."""
        self._change(sentence=sentence)

    def hold(self, model: str, standing: str) -> None:
        """Say which model is loaded, and where it stands; both empty for none."""
        self._change(model=model, standing=standing)

    @contextmanager
    def read_out(self, job_id: int) -> Iterator[None]:
        """Write while a job is worked on, whatever the worker's own thread is busy with: loading takes minutes."""
        self._change(job_id=job_id)
        done = threading.Event()
        thread = threading.Thread(target=self._reading, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def write(self) -> None:
        """Write what is new, or that the worker still lives; nothing before it has said something."""
        with self._lock:
            said = self._said
        reminded = time.monotonic() - self._written_at < REMINDER_SECONDS
        if not said.sentence or (said == self._written and reminded):
            return
        if self._put(said):
            self._written, self._written_at = said, time.monotonic()

    def forget(self) -> None:
        """Remove the row: this worker ends."""
        try:
            WorkerState.objects.forget(self._slot)
        except Error as error:
            log.warning("worker's words not removed reason=%s", error)

    def _put(self, said: _Said) -> bool:
        row = WorkerState(
            slot=self._slot, job_id=said.job_id, model=said.model, standing=said.standing, sentence=said.sentence
        )
        try:
            WorkerState.objects.say(row)
        except IntegrityError as error:
            # Somebody deleted the job; the worker lives on, and the next writing says so.
            log.warning("worker's words name a job that is gone job=%s reason=%s", said.job_id, error)
            self._change(job_id=None)
        except Error as error:
            # People miss a sentence; the work does not stop for it.
            log.warning("worker's words not written reason=%s", error)
            _drop_connection()
        else:
            return True
        return False

    def _change(self, **said: object) -> None:
        with self._lock:
            self._said = replace(self._said, **said)  # type: ignore[arg-type]

    def _reading(self, done: threading.Event) -> None:
        while not done.wait(EVERY_SECONDS):
            self.write()
        self.write()
        connection.close()


def _drop_connection() -> None:
    """Let the next writing connect anew: a connection does not survive a restart of the database."""
    if not connection.in_atomic_block:
        connection.close()
