"""A/B: the same request under two configurations, side by side."""

from dataclasses import dataclass
from datetime import UTC, datetime

from embeddings.store.base import VectorStore
from recommendations.arithmetic.rankings import Likeness, likeness
from recommendations.configuration import Configuration
from recommendations.domain import Request
from recommendations.engine import recommend
from recommendations.results import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two answers to one question."""

    a: Answer
    b: Answer
    likeness: Likeness
    only_a: frozenset[str]
    """Our ids of the tracks that only the first k of A have."""
    only_b: frozenset[str]


def compare(
    request: Request,
    a: Configuration,
    b: Configuration,
    *,
    store: VectorStore,
    k: int | None = None,
    now: datetime | None = None,
) -> Comparison:
    """Ask the same twice, with nothing but the configuration between the two.

    Args:
        request: what is asked for.
        a: how it is asked for first; an empty configuration changes nothing.
        b: how it is asked for then.
        store: where to look.
        k: places that are compared; None for all of the longer answer.
        now: the moment that both take for now, as what was played lately weighs by its age.

    Raises:
        Refused: one of the two means nothing.
        BackendUnavailable: a service does not answer.

    """
    moment = now or datetime.now(UTC)
    first = recommend(a.applied(request), store=store, now=moment)
    second = recommend(b.applied(request), store=store, now=moment)
    return compared(first, second, k=k)


def compared(a: Answer, b: Answer, *, k: int | None = None) -> Comparison:
    """Lay two answers side by side."""
    in_a, in_b = ([one.candidate.id for one in answer.tracks] for answer in (a, b))
    places = k or max(len(in_a), len(in_b))
    shown_a, shown_b = frozenset(in_a[:places]), frozenset(in_b[:places])
    return Comparison(
        a=a,
        b=b,
        likeness=likeness(in_a, in_b, k=places),
        only_a=shown_a - shown_b,
        only_b=shown_b - shown_a,
    )
