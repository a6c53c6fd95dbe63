"""Says why a track is in an answer: the numbers for programs, one sentence for people; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recommendations.answers.judging import Judged
from recommendations.arithmetic.weighing import Matrix, Weighed
from recommendations.finding.sweeping import Swept
from recommendations.results import Explanation, ModelShare, Penalty, Query, QueryShare, Scores

MOST_QUERIES = 10
LEAST_SHARE = 0.01
"""Queries with less of a share are not named."""
CLOSE = 0.9
LIKELY = 0.5
"""Similarity of a random pair."""
HARDLY = 0.995
"""Penalties that leave more of a score than this are not worth a word."""
REASONS = {
    "negative": "moved down for sounding like what you did not want",
    "disliked_sound": "moved down for sounding like what you dislike",
    "disliked_artist": "moved down because you dislike its artist",
    "low_rating": "moved down for its low rating",
    "familiar": "moved down because you know it well",
    "unfamiliar": "moved down because you do not know it",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """All that is known when an answer is put in order."""

    queries: Sequence[Query]
    weighed: Sequence[Weighed]
    """What each model said."""
    judged: Judged
    shares: Matrix
    """[queries, candidates]"""
    similarity: Matrix
    """[queries, candidates], by the model that finds each pair most similar; NaN where none can compare."""
    places: Sequence[Scores]
    """[candidates] of each model: ranks from 1 among its own scores of what was found; NaN without one."""

    @classmethod
    def of(cls, queries: Sequence[Query], swept: Swept, judged: Judged) -> "Case":
        """Work out once what every explanation needs."""
        weighed = swept.weighed
        shares = np.sum([one.shares for one in weighed], axis=0)
        total = shares.sum(axis=0)
        return cls(
            queries=queries,
            weighed=weighed,
            judged=judged,
            shares=np.divide(shares, total, out=np.zeros_like(shares), where=total > 0),
            similarity=np.fmax.reduce([one.scores.similarity for one in weighed]),
            places=[_places(model.scores, swept.found) for model in judged.penalised],
        )


def explain(case: Case, place: int, rank_after: int) -> Explanation:
    """Explain one candidate.

    Args:
        case: the answer that it is in.
        place: which candidate.
        rank_after: from 1, in the answer.

    """
    models, queries = _models(case, place), _queries(case, place)
    seeds = [query for query in _all(case, place) if query.kind != "prompt"]
    closest = max(seeds, key=lambda seed: seed.similarity, default=None)
    penalties = (*_negative(case, place), *case.judged.factors[place])
    return Explanation(
        sentence=_sentence(closest, queries, models, penalties),
        models=models,
        closest=closest,
        queries=queries,
        penalties=penalties,
        rank_before=int(case.judged.ranks[place]),
        rank_after=rank_after,
    )


def _models(case: Case, place: int) -> tuple[ModelShare, ...]:
    shares = [
        ModelShare(
            model=model.model,
            score=float(model.scores[place]),
            among_hits=bool(model.among_hits[place]),
            rank=int(ranks[place]),
        )
        for model, ranks in zip(case.judged.penalised, case.places, strict=True)
        if np.isfinite(model.scores[place])
    ]
    return tuple(sorted(shares, key=lambda share: (-share.score, share.model)))


def _all(case: Case, place: int) -> Iterable[QueryShare]:
    for number, query in enumerate(case.queries):
        similarity = case.similarity[number, place]
        if np.isfinite(similarity):
            yield QueryShare(
                label=query.label,
                kind=query.kind,
                source=query.source,
                similarity=float(similarity),
                share=float(case.shares[number, place]),
                track_id=query.track_id,
            )


def _queries(case: Case, place: int) -> tuple[QueryShare, ...]:
    felt = [share for share in _all(case, place) if share.share >= LEAST_SHARE]
    return tuple(sorted(felt, key=lambda share: (-share.share, share.label))[:MOST_QUERIES])


def _negative(case: Case, place: int) -> Iterable[Penalty]:
    """How much the negatives took of it, by the model that scores it highest after them."""
    pairs = zip(case.weighed, case.judged.penalised, strict=True)
    scores = [(after.scores[place], before.scores.scores[place]) for before, after in pairs if _counts(before, place)]
    after, before = max(scores, default=(1.0, 1.0))
    if after < before:
        yield Penalty(kind="negative", factor=float(after / before))


def _counts(weighed: Weighed, place: int) -> bool:
    return bool(weighed.scores.scores[place] > 0)


def _places(scores: Scores, found: int) -> Scores:
    """Ranks from 1 of the first so many, the greatest first; equal scores share a rank."""
    known = np.isfinite(scores) & (np.arange(len(scores)) < found)
    ranks = np.full(len(scores), np.nan)
    rising = np.sort(scores[known])
    ranks[known] = len(rising) - np.searchsorted(rising, scores[known], side="right") + 1
    return ranks


def _sentence(
    closest: QueryShare | None,
    queries: Sequence[QueryShare],
    models: Sequence[ModelShare],
    penalties: Sequence[Penalty],
) -> str:
    prompts = [query for query in queries if query.kind == "prompt"]
    said = [_nearness(closest)] if closest is not None else []
    if prompts:
        said.append(f"{'fits' if prompts[0].similarity >= CLOSE else 'nearest to'} “{prompts[0].label}”")
    found = [share.model for share in models if share.among_hits and share.score >= LIKELY]
    by = f", by {_listed(found)}" if found else ""
    sentence = f"{' and '.join(said) or 'near to what was asked'}{by}"
    strongest = min(penalties, key=lambda penalty: penalty.factor, default=None)
    if strongest is not None and strongest.factor < HARDLY:
        sentence += f"; {REASONS[strongest.kind]}"
    return f"{sentence[0].upper()}{sentence[1:]}."


def _nearness(closest: QueryShare) -> str:
    if closest.similarity < LIKELY:
        return f"no nearer to {closest.label} than most tracks"
    return f"{'close to' if closest.similarity >= CLOSE else 'somewhat like'} {closest.label}"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
