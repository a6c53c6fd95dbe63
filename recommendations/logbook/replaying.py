"""Asks what was asked before once more, in another way, and says how much of the answers would have been different."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean

from embeddings.errors import Refused
from embeddings.store.base import VectorStore
from recommendations.arithmetic.rankings import Likeness, likeness
from recommendations.configuration import Configuration
from recommendations.engine import recommend
from recommendations.logbook.asked import read
from recommendations.models import Answered

PERSONAL = "personal"
"""Code of requests that a listener's own plays had a part in; who that was is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of asking again."""

    asked: int
    """Requests that were asked again."""
    overlap: float | None
    """Mean over them; None where there were none."""
    jaccard: float | None
    kendall_tau: float | None
    """Mean over those that have orders to compare."""
    rank_biased_overlap: float | None
    left_out: Counter[str]
    """How many were not asked, or refused, by the code of the reason."""


def replay(
    kept: Iterable[Answered],
    configuration: Configuration,
    *,
    store: VectorStore,
    report: Callable[[Answered, Likeness], None] = lambda _kept, _like: None,
) -> Replay:
    """Ask each again, as if it were then, and compare with what was answered.

    Args:
        kept: rows of the log, read one by one.
        configuration: how to ask; an empty one shows what has changed in the library since.
        store: where to look.
        report: told of each.

    Raises:
        BackendUnavailable: a service does not answer.

    """
    found: list[Likeness] = []
    left_out: Counter[str] = Counter()
    for row in kept:
        try:
            like = _again(row, configuration, store)
        except Refused as reason:
            left_out[reason.code] += 1
        else:
            found.append(like)
            report(row, like)
    taus = [like.kendall_tau for like in found if like.kendall_tau is not None]
    return Replay(
        asked=len(found),
        overlap=_mean([like.overlap for like in found]),
        jaccard=_mean([like.jaccard for like in found]),
        kendall_tau=_mean(taus),
        rank_biased_overlap=_mean([like.rank_biased_overlap for like in found]),
        left_out=left_out,
    )


def _again(row: Answered, configuration: Configuration, store: VectorStore) -> Likeness:
    if row.personal:
        raise Refused("A listener's own plays had a part in it, and who that was is not kept.", code=PERSONAL)
    request = configuration.applied(read(row.request))
    answer = recommend(request, store=store, now=row.created_at)
    again = [one.candidate.id for one in answer.tracks]
    return likeness(row.ids, again, k=max(len(row.ids), len(again)))


def _mean(numbers: list[float]) -> float | None:
    return fmean(numbers) if numbers else None
