"""Whatever happens in whatever order, no state is met that docs/jobs.md does not name, and no operation is lost."""

import numpy as np
import pytest
from django.db import transaction
from django.db.models import Count, Q
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from embeddings.models import BatchJob, Generation, JobState, ResultState, TrackResult, TrackVector
from tests.embeddings.jobs.machine.events import EVENTS, Event
from tests.embeddings.jobs.machine.world import SPEC, TRACKS, World
from tests.witness import call_witness, documented, witnessed

OPEN = Q(results__state__in=[ResultState.PENDING, ResultState.RUNNING])
CLOSED = (JobState.COMPLETED, JobState.COMPLETED_WITH_ERRORS, JobState.CANCELLED)
some = st.integers(min_value=0, max_value=3)


class Walk(RuleBasedStateMachine):
    """People, workers and time, in any order, on the rows of one database."""

    def __init__(self) -> None:
        super().__init__()
        self._undone = transaction.atomic()
        self._undone.__enter__()
        call_witness()
        self._named = documented()
        self.world = World.create()
        self.world.start()
        self.world.plan()

    def teardown(self) -> None:
        """Whatever was done to it, an active job can be brought to its end; then everything is undone."""
        try:
            job = self.world.go_to_the_end()
            assert not job.is_active, f"stuck in {job.state}: {job.message}"
            self.every_change_is_documented()
            self.closed_jobs_have_nothing_open()
            self.what_is_done_has_the_vector_of_who_did_it()
        finally:
            transaction.set_rollback(True)
            self._undone.__exit__(None, None, None)

    # One rule that chooses: hypothesis leaves out rules at random, and most walks would lead nowhere.
    @rule(choice=st.data(), number=some, count=st.integers(1, 3))
    def go_on(self, choice: st.DataObject, number: int, count: int) -> None:
        event = choice.draw(st.sampled_from(self._possible()), label="event")
        event(self.world, number, count)

    def _possible(self) -> list[Event]:
        """What can happen now, the likelier things more than once."""
        job = self.world.newest()
        found = [*EVENTS["active" if job.is_active else "finished"], *EVENTS.get(job.state, ())]
        if self.world.hands:
            found += EVENTS["hands"]
        if any(hand.rows for hand in self.world.hands):
            found += EVENTS["rows"]
        return found

    @invariant()
    def every_change_is_documented(self) -> None:
        changes = {change.named for change in witnessed() if change.was != change.became}
        assert changes <= self._named, f"not in docs/jobs.md: {changes - self._named}"

    @invariant()
    def one_job_is_active(self) -> None:
        assert BatchJob.objects.active().count() <= 1

    @invariant()
    def planned_jobs_have_every_operation_once(self) -> None:
        counts = (
            BatchJob.objects.filter(started_at__isnull=False).annotate(n=Count("results")).values_list("n", flat=True)
        )
        assert set(counts) <= {TRACKS}

    @invariant()
    def closed_jobs_have_nothing_open(self) -> None:
        assert not BatchJob.objects.filter(OPEN, state__in=CLOSED).exists()

    @invariant()
    def rows_in_hand_have_a_lease_and_others_none(self) -> None:
        running = Q(state=ResultState.RUNNING)
        assert not TrackResult.objects.filter(running & (Q(lease="") | Q(lease_expires=None))).exists()
        assert not TrackResult.objects.exclude(running).exclude(lease="").exists()

    @invariant()
    def what_is_done_has_the_vector_of_who_did_it(self) -> None:
        if live := Generation.objects.live(SPEC.key):
            held = {str(pk) for pk in TrackVector.objects.filter(generation=live).values_list("track_id", flat=True)}
            done = TrackResult.objects.filter(state=ResultState.DONE)
            assert {str(pk) for pk in done.values_list("track_id", flat=True)} <= held
            stored = self.world.resident.store.fetch(live.collection, [*held])
            assert stored.keys() == held == self.world.right.keys()
            assert all(np.array_equal(stored[name], self.world.right[name]) for name in held)


@pytest.mark.django_db
def test_no_walk_leaves_the_documented_states_or_loses_an_operation() -> None:
    run_state_machine_as_test(Walk, settings=settings())


def test_the_documentation_names_every_state() -> None:
    named = {(kind, state) for kind, was, became in documented() for state in (was, became)} - {("job", "(new)")}
    states = {("job", state) for state in JobState.values} | {("operation", state) for state in ResultState.values}
    assert named - {("operation", "(new)")} == states
