"""Answers a request: seeds and words to searches, merge, order and reasons; the one place that knows all steps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.utils import timezone

from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable, NotEmbedded, NotFound, Refused
from embeddings.store.base import CollectionMissing, VectorStore
from recommendations.answers.judging import Judged, Listener, judge
from recommendations.answers.listing import choice_of, explained, filled, near
from recommendations.arithmetic.diversity import choose
from recommendations.arithmetic.merging import STRATEGIES
from recommendations.arithmetic.weighing import Voice
from recommendations.asking.filtering import BESIDE, accepts, search_filter
from recommendations.asking.habits import with_habits
from recommendations.asking.seeding import MOST_WEIGHT, Gathered, gather
from recommendations.asking.voices import Question, open_voices
from recommendations.asking.wording import Texts, read_texts
from recommendations.domain import MOST_LIMIT, Prompt, Request
from recommendations.finding.searching import Sweep
from recommendations.finding.sweeping import Swept, sweep_once
from recommendations.fitting.spaces import Opened, open_spaces
from recommendations.modes import Mode, get_mode
from recommendations.results import Answer

LEAST_POOL = 100
MOST_POOL = 4_000
ROUNDS = 3
WIDER = 3
"""How many times as many candidates the next round asks for."""
ILL_WORDED = ("prompt_empty", "bad_prompt")
"""Codes of what is wrong with words themselves, whoever reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """An answer, and whether every model that should have spoken did."""

    answer: Answer
    whole: bool


def recommend(request: Request, *, store: VectorStore, now: datetime | None = None) -> Answer:
    """Answer a request.

    Args:
        request: what is asked for.
        store: where the vectors are.
        now: the present, for what depends on when something was played.

    Raises:
        Refused: the request means nothing; the code says what of it.
        NotFound: nothing that it names is in the catalogue.
        NotEmbedded: nothing that it names has a vector.
        UnknownEmbedder: it names a model that does not exist.
        BackendUnavailable: the store, or a text worker that alone could read its words, does not answer.

    """
    mode = get_mode(request.mode, request.tuning)
    _check(request)
    now = now or timezone.now()
    request = with_habits(request, mode, now)
    opened = open_spaces(request.models, store)
    _check_agreement(request, opened)
    try:
        found = _attempt(request, mode, opened, store, now)
        if found.whole or not opened.has_moved():
            return found.answer
    except (BackendUnavailable, CollectionMissing):
        # A cleanup may drop a generation that was live when the request began; then there is another to ask.
        if not opened.has_moved():
            raise
    try:
        return _attempt(request, mode, open_spaces(request.models, store), store, now).answer
    except CollectionMissing as error:
        raise NotEmbedded(f"{error} Start a job to embed again.") from error


def _check(request: Request) -> None:
    if not 1 <= request.limit <= MOST_LIMIT:
        raise Refused(f"limit has to be between 1 and {MOST_LIMIT}.", code="bad_limit")
    variety, strategy = request.variety, request.merge.strategy
    if variety.diversity is not None and not 0.0 <= variety.diversity <= 1.0:
        raise Refused("diversity has to be between 0 and 1.", code="bad_diversity")
    if min(variety.per_artist or 0, variety.per_album or 0) < 0:
        raise Refused("The number of tracks of one artist or album is 0 for any, or more.", code="bad_variety")
    if strategy not in STRATEGIES:
        raise Refused(f"There is no strategy {strategy!r}; there are {', '.join(STRATEGIES)}.", code="bad_merge")
    for prompt in (*request.prompts, *request.negatives.prompts):
        if not 0 <= prompt.weight <= MOST_WEIGHT:
            raise Refused(f"The weight of a prompt is a number from 0 to {MOST_WEIGHT:,.0f}.", code="bad_prompt")
    for model in request.negatives.vectors:
        get_spec(model)


def _check_agreement(request: Request, opened: Opened) -> None:
    asked = len(dict.fromkeys(request.models)) or len(opened.spaces)
    if request.merge.agreement > asked:
        raise Refused(
            f"{request.merge.agreement} models have to agree on a track, and only {asked} are asked.",
            code="bad_agreement",
        )


def _attempt(request: Request, mode: Mode, opened: Opened, store: VectorStore, now: datetime) -> _Attempt:
    gathered = gather(request, mode, now=now)
    prompts = [prompt for prompt in request.prompts if prompt.weight > 0]
    texts = _read(request, prompts, gathered, opened)
    question = Question(gathered=gathered, prompts=prompts, texts=texts, negative_vectors=request.negatives.vectors)
    _check_asked(request, question)
    voices = open_voices(question, opened.spaces, store)
    swept, judged, places = _search(request, mode, question, voices.voices, store)
    lost = [f"{model} did not answer and is left out: {error}" for model, error in swept.lost]
    warnings = [*opened.warnings, *gathered.warnings, *texts.warnings, *voices.warnings, *lost]
    warnings.extend(_agreeing(request, swept))
    warnings.extend(_short(request, swept, places))
    answer = Answer(
        tracks=explained(question, swept, judged, places),
        warnings=tuple(dict.fromkeys(warnings)),
        models=tuple(voice.model for voice in swept.voices),
        is_stub=texts.is_stub,
    )
    return _Attempt(answer=answer, whole=not swept.lost and len(voices.voices) == len(opened.spaces))


def _read(request: Request, prompts: Sequence[Prompt], gathered: Gathered, opened: Opened) -> Texts:
    """Read prompts and negative prompts; words that no model reads are left out where something else was asked."""
    words = [prompt.text for prompt in (*prompts, *request.negatives.prompts)]
    try:
        return read_texts(words, opened.spaces)
    except Refused as error:
        if error.code in ILL_WORDED or (prompts and not gathered.queries):
            raise
        return Texts(by_model={}, warnings=(f"What was said in words is left out: {error}",))
    except BackendUnavailable as error:
        if prompts:
            raise
        return Texts(by_model={}, warnings=(f"What was not wanted in words is left out: {error}",))


def _check_asked(request: Request, question: Question) -> None:
    if question.queries:
        return
    if question.gathered.warnings and any(seed.weight > 0 for seed in request.seeds):
        raise NotFound(" ".join(question.gathered.warnings))
    if request.seeds or request.prompts:
        raise Refused("Everything that was asked for weighs nothing.", code="nothing_asked")
    said = [*question.gathered.warnings, "Name a seed or say in words what the music should be like."]
    raise Refused(" ".join(said), code="nothing_asked")


def _search(
    request: Request, mode: Mode, question: Question, voices: Sequence[Voice], store: VectorStore
) -> tuple[Swept, Judged, Sequence[int]]:
    """Search farther until enough is neither unwanted nor too much alike, or all was seen."""
    beside = _heaviest(question)
    pool = min(MOST_POOL, max(LEAST_POOL, 3 * request.limit + 50) * (2 if mode.exploration else 1))
    sweep = Sweep(
        pool=pool,
        where=search_filter(request, question.gathered),
        weights=question.weights,
        sharpness=mode.sharpness,
    )
    accept = accepts(request, question.gathered)
    lost: list[tuple[str, BackendUnavailable]] = []
    for rounds_left in reversed(range(ROUNDS)):
        swept = sweep_once(voices, store, sweep, accept=accept, beside=beside)
        lost += swept.lost
        judged = judge(swept, _listener(question, swept), request, mode)
        choice = choice_of(request, mode, swept, judged)
        places = choose(near(choice, judged)).tolist()
        enough = len(places) >= request.limit and judged.clean >= request.limit
        if enough or swept.exhausted or not rounds_left:
            break
        sweep = replace(sweep, pool=min(MOST_POOL, WIDER * sweep.pool))
        voices = swept.voices
    return replace(swept, lost=tuple(lost)), judged, filled(request, judged, choice, places)


def _heaviest(question: Question) -> list[str]:
    named = sorted((query for query in question.gathered.queries if query.track_id), key=lambda query: -query.weight)
    return [query.track_id for query in named[:BESIDE]]


def _listener(question: Question, swept: Swept) -> Listener:
    gathered = question.gathered
    marks = [0.0 if one.id in gathered.excluded else gathered.disliked.get(one.id, np.nan) for one in swept.candidates]
    return Listener(
        dislikes=np.array([gathered.disliked[key] for key in question.disliked], dtype=np.float64),
        by_disliked_artist=np.array(
            [one.artist_key in gathered.disliked_artists for one in swept.candidates], np.bool_
        ),
        low_rated=np.array(marks, dtype=np.float64),
        familiarity=gathered.familiarity(swept.candidates),
    )


def _agreeing(request: Request, swept: Swept) -> Iterable[str]:
    if request.merge.agreement > len(swept.voices):
        yield f"{request.merge.agreement} models should agree on a track, and only {len(swept.voices)} took part."


def _short(request: Request, swept: Swept, places: Sequence[int]) -> Iterable[str]:
    if not swept.found:
        yield "No track that is near to what was asked for passes the filters and exclusions."
    elif len(places) < request.limit:
        why = "all that passes was looked at" if swept.exhausted else "what was found is too much alike, or unwanted"
        yield f"{len(places)} tracks instead of {request.limit}: {why}, and no recording comes twice."
