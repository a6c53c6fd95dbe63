"""What may happen in the world of a walk, and when; each event takes a number that chooses and a count."""

from collections.abc import Callable
from contextlib import suppress

from embeddings.errors import DecodeTimeout, NotAudio, Refused
from embeddings.jobs import control
from embeddings.jobs.waiting import let_wait, plan_anew
from embeddings.models import BatchJob, JobState, Lease, TrackResult
from tests.embeddings.jobs.machine.world import TRACKS, Hand, World

Event = Callable[[World, int, int], None]


def start(world: World, number: int, count: int) -> None:
    """Somebody asks for a job; refused while there is one."""
    with suppress(Refused):
        world.start()


def plan(world: World, number: int, count: int) -> None:
    world.plan()


def planner_dies(world: World, number: int, count: int) -> None:
    BatchJob.objects.claim_planning(world.newest().pk, -1.0)


def claim(world: World, number: int, count: int) -> None:
    world.claim("abc"[number % 3], count)


def embed(world: World, number: int, count: int) -> None:
    world.embed(_full(world, number), count)


def fail_for_good(world: World, number: int, count: int) -> None:
    world.fail(_full(world, number), NotAudio("It is none."))


def fail_for_now(world: World, number: int, count: int) -> None:
    world.fail(_full(world, number), DecodeTimeout("It hangs."))


def give_back(world: World, number: int, count: int) -> None:
    """The worker forgets nothing: it may still try to write."""
    TrackResult.objects.release(_hand(world, number).lease)


def lease_runs_out(world: World, number: int, count: int) -> None:
    world.lapse(_hand(world, number))


def others_take_over(world: World, number: int, count: int) -> None:
    """A worker is stopped for longer than its lease, in which others do all there is to do."""
    world.lapse(_hand(world, number))
    while winner := world.claim("c", TRACKS):
        world.embed(winner, TRACKS)


def renew(world: World, number: int, count: int) -> None:
    TrackResult.objects.renew(_hand(world, number).lease)


def worker_dies(world: World, number: int, count: int) -> None:
    hand = _hand(world, number)
    world.lapse(hand)
    world.hands.remove(hand)


def bury_lost(world: World, number: int, count: int) -> None:
    TrackResult.objects.bury_lost(Lease.take(world.newest().pk, worker="a", seconds=60.0))


def backend_is_away(world: World, number: int, count: int) -> None:
    let_wait(world.newest().pk, "The vector store is away.")


def collection_is_lost(world: World, number: int, count: int) -> None:
    plan_anew(world.newest().pk, "The vector store has no collection.")


def time_passes(world: World, number: int, count: int) -> None:
    world.wait_long()


def settle(world: World, number: int, count: int) -> None:
    world.settle()


def break_off(world: World, number: int, count: int) -> None:
    BatchJob.objects.mark_failed(world.newest().pk, "Embedding broke.")


def person(deed: Callable[[BatchJob], object]) -> Event:
    """A person asks for something, which may be refused."""

    def ask(world: World, number: int, count: int) -> None:
        with suppress(Refused):
            deed(world.newest())

    ask.__name__ = deed.__name__
    return ask


def _hand(world: World, number: int) -> Hand:
    return world.hands[number % len(world.hands)]


def _full(world: World, number: int) -> Hand:
    full = [hand for hand in world.hands if hand.rows]
    return full[number % len(full)]


pause, resume, cancel = map(person, (control.pause_job, control.resume_job, control.cancel_job))
retry = person(control.retry_failed)

EVENTS: dict[str, tuple[Event, ...]] = {
    "active": (start, pause, cancel, retry, backend_is_away, time_passes, break_off, bury_lost, settle, settle),
    "finished": (start, retry, retry),
    "hands": (give_back, lease_runs_out, renew, worker_dies, others_take_over),
    "rows": (embed, embed, embed, fail_for_good, fail_for_now),
    JobState.PLANNING: (plan, plan, plan, planner_dies),
    JobState.RUNNING: (claim, claim, claim, claim, collection_is_lost),
    JobState.WAITING: (time_passes, time_passes, resume),
    JobState.PAUSED: (resume, resume, claim),
}
