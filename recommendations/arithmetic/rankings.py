"""How alike two ranked lists are: plain arithmetic on their ids.

Every measure takes lists without repetitions, is the same when the two change places, and is 1 for equal lists.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

PERSISTENCE = 0.9
"""Of rank-biased overlap: 86 % of its weight lies on the first ten places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike two lists are, by four measures."""

    k: int
    """Places of each list that are compared."""
    overlap: float
    """0..1: share of the first k places that both have, in any order."""
    jaccard: float
    """0..1: what both have of all that one of them has."""
    kendall_tau: float | None
    """-1..1: tau-b of the orders; None where a list has no order to compare."""
    rank_biased_overlap: float
    """0..1: agreement at every depth, the first places weighing most."""
    persistence: float
    """The p of rank-biased overlap."""


def likeness(a: Sequence[Hashable], b: Sequence[Hashable], *, k: int, p: float = PERSISTENCE) -> Likeness:
    """Measure how alike the first k of two lists are."""
    first, second = a[:k], b[:k]
    return Likeness(
        k=k,
        overlap=overlap(first, second),
        jaccard=jaccard(first, second),
        kendall_tau=kendall_tau(first, second),
        rank_biased_overlap=rank_biased_overlap(first, second, p=p),
        persistence=p,
    )


def overlap(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Share of the longer list's places whose track the other has as well; 1 for two empty lists."""
    longest = max(len(a), len(b))
    return len(set(a) & set(b)) / longest if longest else 1.0


def jaccard(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """What both have of all that one of them has; 1 for two empty lists."""
    either = set(a) | set(b)
    return len(set(a) & set(b)) / len(either) if either else 1.0


def kendall_tau(a: Sequence[Hashable], b: Sequence[Hashable]) -> float | None:
    """Kendall's tau-b over all that one of them has; what a list lacks shares the place after its last.

    Returns:
        1 for the same order, -1 for the opposite one; two lists without anything in common lie between -2/3 and -1.
        None where one list puts nothing before anything else, and the other is not the same.

    Source:
        Kendall, The Treatment of Ties in Ranking Problems, Biometrika 1945.

    """
    if list(a) == list(b):
        return 1.0
    in_a, in_b = _places(a), _places(b)
    union = list(dict.fromkeys([*a, *b]))
    left = [in_a.get(one, len(a)) for one in union]
    right = [in_b.get(one, len(b)) for one in union]
    pairs = len(union) * (len(union) - 1) // 2
    balance = sum(_sign(left[i] - left[j]) * _sign(right[i] - right[j]) for i, j in combinations(range(len(union)), 2))
    ordered = (pairs - _tied(left)) * (pairs - _tied(right))
    return balance / sqrt(ordered) if ordered else None


def rank_biased_overlap(a: Sequence[Hashable], b: Sequence[Hashable], *, p: float = PERSISTENCE) -> float:
    """Extrapolated rank-biased overlap: the agreement of the first d places, over all depths d, with weight p**d.

    A list that ends before the other has nothing below its end, so that one place against sixteen is not wholly alike
    for having the same first; beyond the longer list's end the agreement is taken to go on as it was.

    Args:
        a: a ranked list.
        b: another, of any length.
        p: between 0 and 1, both excluded; nearer to 1, deeper places weigh more.

    Source:
        Webber, Moffat, Zobel, A Similarity Measure for Indefinite Rankings, TOIS 2010, equation 30, to the length of
        the longer list.

    """
    short, long = sorted((a, b), key=len)
    if not short:
        return 0.0 if long else 1.0
    shared = _shared(short, long)
    deepest = len(long)
    total = sum(shared[d] / d * p**d for d in range(1, deepest + 1))
    # Rounding must not lead out of what it can be.
    return min(1.0, max(0.0, (1 - p) / p * total + shared[deepest] / deepest * p**deepest))


def _shared(short: Sequence[Hashable], long: Sequence[Hashable]) -> list[int]:
    """How many the first d places of both have in common, for each d from 0."""
    seen: set[Hashable] = set()
    counts = [0]
    for depth, there in enumerate(long):
        here = short[depth : depth + 1]
        found = sum(one in seen for one in (*here, there)) + (tuple(here) == (there,))
        seen |= {*here, there}
        counts.append(counts[-1] + found)
    return counts


def _places(ranked: Sequence[Hashable]) -> dict[Hashable, int]:
    return {one: place for place, one in enumerate(ranked)}


def _tied(places: Sequence[int]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(places).values())


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
