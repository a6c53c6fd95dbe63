"""Checks of how much a generation holds: of the catalogue, and of what the live one holds."""

import math
from collections.abc import Iterator

from embeddings.jobs.checking.check import Check, counted
from embeddings.models import Generation, Track, has_failed, is_current, is_held


def check_coverage(generation: Generation, bar: float) -> Iterator[Check]:
    """Count the tracks that it holds.

    Args:
        generation: which.
        bar: share of the tracks that it has to hold, 0..1.

    """
    yield _of_catalogue(generation, bar)
    yield _of_live(generation, bar)


def _of_catalogue(generation: Generation, bar: float) -> Check:
    present = Track.objects.present()
    lacking = present.exclude(is_current(generation))
    broken = lacking.filter(has_failed(generation, permanently=True)).count()
    held = present.filter(is_current(generation)).count()
    wanted = held + lacking.count() - broken
    left_out = f"; {broken:,} more cannot be embedded" if broken else ""
    if not wanted:
        # A disk that is not mounted, or weights that fail every track: there is nothing to judge it by.
        sentence = f"The catalogue has no track that could be embedded{left_out}, so nothing says what it lacks."
        return Check(name="coverage", passed=False, value=0.0, bar=bar, sentence=sentence)
    return Check(
        name="coverage",
        passed=held >= least(wanted, bar),
        value=round(held / wanted, 4),
        bar=bar,
        sentence=f"It holds {held:,} of {counted(wanted, 'present track')}, as the files are now{left_out}.",
    )


def _of_live(generation: Generation, bar: float) -> Check:
    live = Generation.objects.live(generation.model)
    if live is None or live == generation:
        said = "Searches read this one" if live else "No generation of this model is live"
        return Check(name="kept", passed=None, sentence=f"{said}, so there is none to compare with.")
    known = Track.objects.present().filter(is_held(live))
    wanted, kept = known.count(), known.filter(is_held(generation)).count()
    return Check(
        name="kept",
        # What failed for good counts here: damaged weights fail every track, and would leave nothing to find.
        passed=kept >= least(wanted, bar),
        value=round(kept / wanted, 4) if wanted else 1.0,
        bar=bar,
        sentence=f"It holds {kept:,} of the {counted(wanted, 'present track')} that {live} holds.",
    )


def least(tracks: int, bar: float) -> int:
    """How many of so many tracks have to be there: the share of them, or all but one where that is fewer.

    One file does not hold up a small library; of a single track that is there, the track is asked for.
    """
    # Rounded first: 0.98 * 50 is a little more than 49.
    return min(math.ceil(round(bar * tracks, 9)), max(tracks - 1, min(tracks, 1)))
