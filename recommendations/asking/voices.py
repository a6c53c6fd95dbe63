"""Brings what was asked into the form that each model compares: one voice per model, which speaks for its vectors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from embeddings.domain import Vector
from embeddings.embedders.outside import stored_form
from embeddings.errors import BackendUnavailable, NotEmbedded
from embeddings.store.base import CollectionMissing, VectorStore
from recommendations.arithmetic.calibration import Vectors
from recommendations.arithmetic.weighing import Block, Matrix, Voice
from recommendations.asking.seeding import Gathered
from recommendations.asking.wording import ReadText, Texts
from recommendations.domain import Prompt
from recommendations.fitting.spaces import Space
from recommendations.results import Query

MOST_DISLIKES = 500
"""Disliked tracks that candidates are compared with; what is disliked itself is moved down however many there are."""

One = TypeVar("One")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """Everything that candidates are compared with, looked up but in no model's vectors yet."""

    gathered: Gathered
    prompts: Sequence[Prompt]
    texts: Texts
    """Of the prompts, then of the negative prompts."""
    negative_vectors: Mapping[str, Sequence[ArrayLike]]

    @property
    def disliked(self) -> tuple[str, ...]:
        """Ids of disliked tracks whose sound counts, in order: at most `MOST_DISLIKES`, the most disliked.

        Of those that are disliked as much, ids decide: it is the same choice each time, and none by sound.
        """
        marks = self.gathered.disliked
        return tuple(sorted(sorted(marks, key=lambda key: (-marks[key], key))[:MOST_DISLIKES]))

    @property
    def queries(self) -> tuple[Query, ...]:
        """Seeds, whose weights together are 1, then prompts."""
        prompts = (
            Query(label=prompt.text, kind="prompt", weight=prompt.weight, source="text") for prompt in self.prompts
        )
        return (*self.gathered.queries, *prompts)

    @property
    def weights(self) -> Matrix:
        """[queries]; all seeds together weigh as much as one prompt."""
        seeds = np.array([query.weight for query in self.gathered.queries], dtype=np.float64)
        prompts = np.array([prompt.weight for prompt in self.prompts], dtype=np.float64)
        return np.concatenate([seeds / seeds.sum() if seeds.size else seeds, prompts])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voices:
    """Who answers, and who does not."""

    voices: tuple[Voice, ...]
    warnings: tuple[str, ...]


def each(work: Callable[[One], Made], things: Sequence[One]) -> list[Made | BackendUnavailable]:
    """Do the same for every model at once; what a model's backend refuses stands in its place.

    Raises:
        BackendUnavailable: for every one of them.

    """

    def attempt(thing: One) -> Made | BackendUnavailable:
        try:
            return work(thing)
        except BackendUnavailable as error:
            return error

    with ThreadPoolExecutor(max(1, len(things)), thread_name_prefix="model") as pool:
        done = list(pool.map(attempt, things))
    away = [found for found in done if isinstance(found, BackendUnavailable)]
    if away and len(away) == len(done):
        raise away[0]
    return done


def open_voices(question: Question, spaces: Sequence[Space], store: VectorStore) -> Voices:
    """Look up or read every vector that is compared with, by model.

    A model that cannot compare with anything that was asked is left out, with a warning that names it.

    Raises:
        NotEmbedded: that is so of every model.
        BackendUnavailable: the store does not answer for any of them.
        Refused: a given vector is not one of its model's.

    """
    # Only the store is asked in threads: what reads the database would leave a connection behind in each.
    stored = each(lambda space: _stored(question, space, store), spaces)
    voices, warnings, away = [], [], []
    for space, found in zip(spaces, stored, strict=True):
        key = space.spec.key
        voice = _spoken(question, space, found)
        if isinstance(voice, BackendUnavailable):
            away.append(voice)
            warnings.append(f"{key} did not answer and is left out: {voice}")
        elif voice.rows.size:
            voices.append(voice)
            warnings.extend(_lacking(question, key, voice))
        else:
            warnings.append(f"{key} has no vector of anything that was asked for, and is left out.")
    warnings.extend(_unused(question, spaces))
    if not voices and away:
        raise away[0]
    if not voices:
        raise NotEmbedded(" ".join(warnings) or "Nothing that was asked for has a vector.")
    return Voices(voices=tuple(voices), warnings=tuple(warnings))


def _unused(question: Question, spaces: Sequence[Space]) -> Iterable[str]:
    given = {key for key, vectors in question.negative_vectors.items() if len(vectors)}
    if unused := sorted(given - {space.spec.key for space in spaces}):
        yield f"The vectors of what was not wanted count for nothing in {', '.join(unused)}, which takes no part."


def _lacking(question: Question, key: str, voice: Voice) -> Iterable[str]:
    seeds = len(question.gathered.queries)
    known = int((voice.rows < seeds).sum())
    if seeds and known < seeds:
        yield f"{seeds - known} of {seeds} seeds have no {key} vector."
    texts = question.texts.by_model.get(key, ())
    if texts and texts[0].wording != "stub" and not all(len(block.background.probes) for block in voice.blocks):
        yield f"What {key} says of words is less sure, as it was never learned what texts are like there: manage.py fit"


def _stored(question: Question, space: Space, store: VectorStore) -> dict[str, Vector]:
    """The model's vectors of seeds and of what is disliked."""
    named = [query.track_id for query in question.gathered.queries if query.track_id]
    wanted = [*dict.fromkeys([*named, *question.gathered.disliked])]
    try:
        return store.fetch(space.generation.collection, wanted) if wanted else {}
    except CollectionMissing as error:
        raise BackendUnavailable(str(error)) from error


def _spoken(
    question: Question, space: Space, stored: Mapping[str, Vector] | BackendUnavailable
) -> Voice | BackendUnavailable:
    """The voice of a model, or why it has none now: what similarity means in its space may have to be sampled."""
    if isinstance(stored, BackendUnavailable):
        return stored
    try:
        return _voice(question, space, stored)
    except BackendUnavailable as error:
        return error
    except CollectionMissing as error:
        return BackendUnavailable(str(error))


def _voice(question: Question, space: Space, stored: Mapping[str, Vector]) -> Voice:
    disliked = question.disliked
    known = [key for key in disliked if key in stored]
    blocks = [*_sounds(question, space, stored, known), *_texts(question, space)]
    return Voice(
        model=space.spec.key,
        collection=space.generation.collection,
        blocks=tuple(block for block in blocks if len(block.queries) or len(block.negative) or len(block.disliked)),
        dislikes=np.array([key in stored for key in disliked], dtype=np.bool_),
    )


def _sounds(question: Question, space: Space, stored: Mapping[str, Vector], disliked: Sequence[str]) -> Iterable[Block]:
    """Seeds, given vectors, and what is disliked; nothing where there are only words, and no background is read."""
    key, rows, vectors = space.spec.key, [], []
    for row, query in enumerate(question.gathered.queries):
        given = question.gathered.given.get(row, {}).get(key)
        vector = stored_form(space.spec, [given])[0] if given is not None else stored.get(query.track_id)
        if vector is not None:
            rows.append(row)
            vectors.append(vector)
    negative = stored_form(space.spec, question.negative_vectors.get(key, []))
    if not (rows or len(negative) or disliked):
        return
    yield Block(
        field="embedding",
        background=space.background("embedding"),
        rows=np.array(rows, dtype=np.intp),
        queries=_matrix(vectors, space.spec.dimension),
        negative=negative,
        disliked=_matrix([stored[track] for track in disliked], space.spec.dimension),
    )


def _texts(question: Question, space: Space) -> Iterable[Block]:
    """Prompts and negative prompts; all of one model are read in one way, into one field."""
    read = question.texts.by_model.get(space.spec.key, ())
    if not read:
        return
    field = read[0].field
    seeds, prompts = len(question.gathered.queries), len(question.prompts)
    width = len(read[0].vector)
    yield Block(
        field=field,
        background=space.text_background(field),
        rows=np.arange(seeds, seeds + prompts, dtype=np.intp),
        queries=_unit(read[:prompts], width),
        negative=_unit(read[prompts:], width),
        disliked=np.empty((0, width), np.float32),
    )


def _unit(texts: Sequence[ReadText], width: int) -> Vectors:
    vectors = _matrix([text.vector for text in texts], width)
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def _matrix(vectors: Sequence[Vector], width: int) -> Vectors:
    return np.asarray(vectors, dtype=np.float32).reshape(len(vectors), width)
