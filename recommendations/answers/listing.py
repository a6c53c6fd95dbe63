"""Makes the list of an answer: chosen for variety within the caps, filled up where these leave it short, explained."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recommendations import conf
from recommendations.answers.explaining import Case, explain
from recommendations.answers.judging import Judged
from recommendations.arithmetic.diversity import Choice, choose
from recommendations.asking.voices import Question
from recommendations.domain import Request
from recommendations.finding.sweeping import Swept
from recommendations.modes import Mode
from recommendations.results import Recommendation

NEAR = 0.8
"""Share of the best score below which a track comes only after all others, whatever the settings' caps."""
LIST = 25
"""Length of a list that the settings' caps are meant for."""


def choice_of(request: Request, mode: Mode, swept: Swept, judged: Judged) -> Choice:
    """What there is to choose from; the mode's diversity and the settings' caps where the request says nothing."""
    variety, config = request.variety, conf.recommendations()
    diversity = mode.diversity if variety.diversity is None else variety.diversity
    return Choice(
        candidates=swept.candidates,
        relevance=judged.relevance,
        sounds=swept.sounds,
        limit=request.limit,
        diversity=max(diversity, mode.least_diversity),
        per_artist=_cap(variety.per_artist, config.max_per_artist, request.limit),
        per_album=_cap(variety.per_album, config.max_per_album, request.limit),
        versions=variety.versions,
        beside=range(swept.found, len(swept.candidates)),
    )


def near(choice: Choice, judged: Judged) -> Choice:
    """Leave out what is much less like what was asked for than the best is, as long as there is anything else.

    A third track of an artist is better than one that is like nothing that was asked for.
    """
    best = np.nanmax(judged.score, initial=0.0)
    return replace(choice, relevance=np.where(judged.score >= NEAR * best, choice.relevance, np.nan))


def filled(request: Request, judged: Judged, choice: Choice, places: Sequence[int]) -> list[int]:
    """Fill up an answer that the settings' caps leave too short; a request's own caps stay."""
    if len(places) >= request.limit:
        return list(places)
    # What was chosen comes first and in its order, so that it counts for the caps that stay.
    worth = judged.relevance.copy()
    worth[list(places)] = 2.0 - np.arange(len(places)) / max(1, len(places))
    per_artist, per_album = request.variety.per_artist or 0, request.variety.per_album or 0
    free = replace(choice, relevance=worth, diversity=0.0, per_artist=per_artist, per_album=per_album)
    return [int(place) for place in choose(free)]


def explained(question: Question, swept: Swept, judged: Judged, places: Sequence[int]) -> tuple[Recommendation, ...]:
    """The chosen candidates with their reasons, in their order."""
    case = Case.of(question.queries, swept, judged)
    return tuple(
        Recommendation(
            candidate=swept.candidates[place],
            score=float(judged.score[place]),
            negative_similarity=None if np.isnan(judged.negative[place]) else float(judged.negative[place]),
            explanation=explain(case, place, rank),
        )
        for rank, place in enumerate(places, start=1)
    )


def _cap(asked: int | None, setting: int, limit: int) -> int:
    """What the request says, else the setting, which grows with lists that are longer than usual."""
    return math.ceil(setting * max(1.0, limit / LIST)) if asked is None else asked
