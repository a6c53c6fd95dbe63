"""What people may do to a generation from its page: have it verified, promote it, go back from it."""

from collections.abc import Callable

from embeddings.domain import Actor
from embeddings.errors import NotPossibleNow
from embeddings.jobs import migration
from embeddings.models import Generation, GenerationState

STANDINGS = {
    GenerationState.BUILDING: "Jobs fill it; searches do not read it.",
    GenerationState.VERIFIED: "It passed verification and may be promoted; searches do not read it yet.",
    GenerationState.LIVE: "Searches of {model} read it.",
    GenerationState.RETIRED: "Searches read another one; it is kept for a way back.",
    GenerationState.DROPPED: "Its vectors are gone.",
}
REASON_NEEDED = (GenerationState.BUILDING, GenerationState.RETIRED)
"""States in which it may be promoted with a reason only."""


def verify(generation: Generation, by: Actor, _because: str) -> str:
    """Ask for an examination."""
    migration.request_verification(generation, by=by)
    return f"{generation} is going to be verified."


def promote(generation: Generation, by: Actor, because: str) -> str:
    """Make it the live one."""
    live = migration.promote(generation, by=by, force_because=because)
    return f"{live} is live: searches of {live.model} read it."


def rollback(generation: Generation, by: Actor, _because: str) -> str:
    """Go back from it to the one before."""
    if generation.state != GenerationState.LIVE:
        # The page was old: somebody else went back, or on.
        raise NotPossibleNow(f"{generation} is not live any more.")
    live = migration.rollback(generation.model, by=by)
    return f"{live} is live again: searches of {live.model} read it."


VERBS: dict[str, Callable[[Generation, Actor, str], str]] = {
    "verify": verify,
    "promote": promote,
    "rollback": rollback,
}


def standing_of(generation: Generation) -> str:
    """Say what its state means."""
    return STANDINGS[GenerationState(generation.state)].format(model=generation.model)


def verbs_of(generation: Generation) -> list[tuple[str, str, str]]:
    """Say what may be done to it now: a verb, its words, and the style of its button."""
    found = []
    if generation.state == GenerationState.VERIFIED:
        found.append(("promote", "Promote", "default"))
    if generation.state != GenerationState.DROPPED:
        found.append(("verify", "Verify", ""))
    retired = Generation.objects.filter(model=generation.model, state=GenerationState.RETIRED)
    if generation.state == GenerationState.LIVE and retired.exists():
        found.append(("rollback", "Roll back", ""))
    return found
