"""Checks of the vectors themselves: their dimensions, lengths and numbers, and whether one stands for many tracks."""

from collections.abc import Iterator
from itertools import chain

from embeddings.jobs.checking.check import Check, counted, named
from embeddings.jobs.checking.stored import Stored
from embeddings.models import Generation, Track
from embeddings.store.checks import batches

LENGTH_TOLERANCE = 1e-3
SAME = 0.05
"""Share of vectors that may equal another track's although the two are no copies of each other."""
LOOK_UP = 500


def check_vectors(generation: Generation, stored: Stored) -> Iterator[Check]:
    """Judge what was read of the vectors."""
    yield _none_wrong("dimensions", stored.wrong_width, f"of {_widths(generation)} dimensions")
    yield _none_wrong("finite", stored.not_finite, "finite")
    off = len(stored.off)
    said = f"; {counted(off, 'vector')} beyond {LENGTH_TOLERANCE}: {named(sorted(stored.off))}" if off else ""
    yield Check(
        name="norms",
        passed=not off,
        value=round(stored.deviation, 9),
        bar=LENGTH_TOLERANCE,
        sentence=f"The length of a vector is at most {stored.deviation:.2g} away from 1{said}.",
    )


def check_duplicates(stored: Stored, unexplained: int) -> Check:
    """Judge how many vectors equal another track's: some recordings are there twice, a broken model has one for all."""
    twins = sum(len(ids) for ids in stored.twins.values())
    copies = f"{counted(twins, 'track')} share their vector with another" if twins else "No two tracks share a vector"
    unlike = f", {unexplained:,} of them without being a copy" if unexplained else ""
    return Check(
        name="duplicates",
        # One in a small library may be a copy that was given another name.
        passed=unexplained <= max(1.0, SAME * stored.read),
        value=round(unexplained / max(1, stored.read), 4),
        bar=SAME,
        sentence=f"{copies}{unlike}.",
    )


def unlike_twins(stored: Stored) -> tuple[int, list[str]]:
    """Find identical vectors of tracks that are not known to be one recording.

    Copies of a file have its size; another issue of a recording has its title.

    Returns:
        How many vectors there are too many, and the ids of those tracks.

    """
    facts = _facts(sorted(set(chain.from_iterable(stored.twins.values()))))
    superfluous, suspects = 0, list[str]()
    for ids in stored.twins.values():
        known = [facts[key] for key in ids if key in facts]
        recordings = min(len({size for size, _ in known}), len({title for _, title in known}))
        if recordings > 1:
            superfluous += recordings - 1
            suspects += ids
    return superfluous, suspects


def _facts(ids: list[str]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for some in batches(ids, LOOK_UP):
        for track in Track.objects.filter(pk__in=some).only("size", "title", "path"):
            found[str(track.pk)] = (track.size, (track.title or track.path).casefold())
    return found


def _none_wrong(name: str, wrong: set[str], right: str) -> Check:
    said = (
        f"{counted(len(wrong), 'vector')} not {right}: {named(sorted(wrong))}" if wrong else f"Every vector is {right}"
    )
    return Check(name=name, passed=not wrong, value=len(wrong), bar=0, sentence=f"{said}.")


def _widths(generation: Generation) -> str:
    joint = f" and {generation.joint_dimension:,} joint" if generation.joint_dimension else ""
    return f"{generation.dimension:,}{joint}"
