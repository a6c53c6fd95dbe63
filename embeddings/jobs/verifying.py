"""Examines a generation: one worker at a time looks at all of it, and keeps what was checked and the verdict."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.utils import timezone

from embeddings.conf import VerificationConfig
from embeddings.domain import SYSTEM
from embeddings.errors import BackendUnavailable
from embeddings.jobs.checking.check import Check, Interrupted
from embeddings.jobs.checking.coverage import check_coverage
from embeddings.jobs.checking.rows import check_rows, row_ids
from embeddings.jobs.checking.sample import check_sample
from embeddings.jobs.checking.searching import check_searches
from embeddings.jobs.checking.stored import read_stored
from embeddings.jobs.checking.vectors import LENGTH_TOLERANCE, check_duplicates, check_vectors, unlike_twins
from embeddings.jobs.resident import Resident
from embeddings.jobs.worker import current_slot
from embeddings.models import Generation, Verification
from embeddings.models.verification import LEASE_SECONDS, SLOW_SECONDS
from embeddings.store.base import CollectionMissing, VectorStore

PUT_OFF = timedelta(seconds=15)
"""How long an examination is left alone after a backend was away."""

log = logging.getLogger(__name__)


def _unheard(_sentence: str) -> None:
    """Where reports go that nobody asked for."""


def examine(
    generation: Generation,
    *,
    store: VectorStore,
    resident: Resident,
    config: VerificationConfig,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = _unheard,
) -> Verification:
    """Look at all of a generation, and keep the verdict; one that was asked for already is made.

    A generation that passed is VERIFIED if it was being built; one that failed is not, or not any more.

    Args:
        generation: which.
        store: where its vectors are.
        resident: lends the model and the decoders for the sample that is embedded again.
        config: what is asked of it.
        should_stop: whether this worker has to end soon.
        report: told in a sentence how far it is.

    Returns:
        The examination: PASSED or FAILED is a verdict. REQUESTED or RUNNING is none yet: this worker has to end,
        or another one is at it. BROKEN: workers died of it.

    Raises:
        BackendUnavailable: the store does not answer; it stays REQUESTED, and is no fault of the generation's.

    """
    asked = Verification.objects.request(generation, SYSTEM)
    verification = Verification.objects.take(asked.pk, current_slot())
    if verification is not None:
        watch = Watch(verification=verification, should_stop=should_stop, report=report)
        _examine(Examination(generation, store, resident, config, watch), watch)
    asked.refresh_from_db()
    return asked


@dataclass(slots=True, kw_only=True)
class Watch:
    """Keeps an examination while it is made; a `Beat`."""

    verification: Verification
    should_stop: Callable[[], bool]
    report: Callable[[str], None]
    _renew_at: float = field(default_factory=lambda: time.monotonic() + LEASE_SECONDS / 4)
    _said: str = ""

    def __call__(self, sentence: str, *, slow: bool = False) -> None:
        """Say how far it is, and keep the lease."""
        if sentence != self._said:
            self._said = sentence
            self.report(sentence)
        if self.should_stop():
            raise Interrupted("This worker has to end.")
        if slow or time.monotonic() > self._renew_at:
            self._renew_at = time.monotonic() + LEASE_SECONDS / 4
            seconds = SLOW_SECONDS if slow else LEASE_SECONDS
            if not Verification.objects.renew(self.verification, seconds=seconds):
                raise Interrupted("Another worker took the examination over.")


class Examination:
    """The checks of one generation, in the order in which they are made."""

    def __init__(
        self, generation: Generation, store: VectorStore, resident: Resident, config: VerificationConfig, watch: Watch
    ) -> None:
        """Take what the checks need."""
        self._generation = generation
        self._store = store
        self._resident = resident
        self._config = config
        self._watch = watch

    def checks(self) -> Iterator[Check]:
        """Look at everything.

        Raises:
            BackendUnavailable: the store does not answer.
            Interrupted: there will be no verdict from here.

        """
        generation, store, watch = self._generation, self._store, self._watch
        if generation.collection not in store.collections():
            yield _gone(generation)
            return
        watch(f"Verifying {generation}: waiting for its index", slow=True)
        store.flush(generation.collection)
        stored = read_stored(generation, store, tolerance=LENGTH_TOLERANCE, beat=watch)
        rows = row_ids(generation)
        yield from check_rows(generation, store, stored, rows, writes=watch.verification.writes)
        yield from check_vectors(generation, stored)
        unexplained, suspects = unlike_twins(stored)
        yield check_duplicates(stored, unexplained)
        yield from check_coverage(generation, self._config.coverage)
        both = sorted(stored.ids & rows)
        yield check_sample(
            generation, ids=both, suspects=suspects, resident=self._resident, config=self._config, beat=watch
        )
        yield from check_searches(generation, both, store, watch)


def _examine(examination: Examination, watch: Watch) -> None:
    verification = watch.verification
    try:
        _judge(examination, watch)
    except Interrupted as reason:
        Verification.objects.release(verification)
        log.info("verification given back generation=%s reason=%s", verification.generation, reason)
    except BackendUnavailable as error:
        Verification.objects.release(verification, f"Waiting: {error}", until=timezone.now() + PUT_OFF)
        raise
    except (OperationalError, InterfaceError) as error:
        _let_wait(verification, error)
        raise
    except Exception:
        # Ours: the row says so, instead of being examined for ever.
        Verification.objects.mark_broken(verification, f"Verifying broke: {traceback.format_exc(limit=-3)}")
        raise


def _judge(examination: Examination, watch: Watch) -> None:
    verification, began = watch.verification, time.monotonic()
    try:
        checks = list(examination.checks())
    except CollectionMissing:
        # Dropped while it was read.
        checks = [_gone(verification.generation)]
    passed = all(check.passed is not False for check in checks)
    _conclude(verification, checks, passed=passed)
    watch.report(f"Verified {verification.generation}: {'passed' if passed else 'failed'}")
    log.info("verified generation=%s passed=%s s=%.1f", verification.generation, passed, time.monotonic() - began)


def _let_wait(verification: Verification, reason: Exception) -> None:
    """Give it back after the database was locked or restarted: no worker died of it."""
    close_old_connections()
    try:
        Verification.objects.release(verification, f"Waiting: {reason}", until=timezone.now() + PUT_OFF)
    except (OperationalError, InterfaceError) as error:
        # Away still: the lease runs out by itself, and this attempt counts.
        log.warning("verification left to its lease generation=%s reason=%s", verification.generation, error)


@transaction.atomic
def _conclude(verification: Verification, checks: list[Check], *, passed: bool) -> None:
    if not Verification.objects.conclude(verification, [asdict(check) for check in checks], passed=passed):
        return
    generation = verification.generation
    if passed:
        Generation.objects.mark_verified(generation.pk, writes=verification.writes)
    else:
        Generation.objects.reopen([generation.pk])


def _gone(generation: Generation) -> Check:
    sentence = f"The store has no collection {generation.collection}: its vectors are lost, or were dropped."
    return Check(name="collection", passed=False, sentence=sentence)
