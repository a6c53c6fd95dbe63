"""One round: search with every voice, read what was found, and weigh all of it by every model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from embeddings.errors import BackendUnavailable
from embeddings.store.base import VectorField, VectorStore
from recommendations.arithmetic.diversity import Sound
from recommendations.arithmetic.weighing import Held, Opinion, Voice, Weighed, listen, weigh
from recommendations.finding.candidates import read_candidates
from recommendations.finding.searching import Found, Sweep, fetch, find
from recommendations.results import Candidate

One = TypeVar("One")
Given = TypeVar("Given")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Swept:
    """What one round brought."""

    candidates: tuple[Candidate, ...]
    """Found ones, then those that were wanted beside them."""
    found: int
    """How many of them were found."""
    voices: tuple[Voice, ...]
    """Those that answered to the end."""
    weighed: tuple[Weighed, ...]
    """By voice."""
    sounds: tuple[Sound, ...]
    """By voice."""
    exhausted: bool
    """Whether a longer search would bring nothing new."""
    lost: tuple[tuple[str, BackendUnavailable], ...]
    """Models that did not answer."""


def sweep_once(
    voices: Sequence[Voice],
    store: VectorStore,
    sweep: Sweep,
    *,
    accept: Callable[[Candidate], bool],
    beside: Sequence[str] = (),
) -> Swept:
    """Find and weigh candidates.

    Args:
        voices: at least one.
        store: where to look.
        sweep: how far.
        accept: which of the found may be candidates, whatever labels the store had.
        beside: ids of tracks that are wanted at the end of the candidates, where they are present.

    Raises:
        BackendUnavailable: the store answers for none of the voices.
        CollectionMissing: a generation is gone.

    """
    speaking, silent = _parted(voices, find(voices, store, sweep))
    best = dict.fromkeys(key for _, found in speaking for key in found.best)
    read = read_candidates([*best, *beside])
    ids = [key for key in best if key in read and accept(read[key])]
    wanted = [*ids, *(key for key in dict.fromkeys(beside) if key in read and key not in best)]
    heard, lost = _parted(speaking, fetch([voice for voice, _ in speaking], store, wanted))
    return Swept(
        candidates=tuple(read[key] for key in wanted),
        found=len(ids),
        voices=tuple(voice for (voice, _), _ in heard),
        weighed=weigh(
            [_opinion(voice, found, held, wanted, sweep) for (voice, found), held in heard],
            sweep.weights,
            sweep.sharpness,
        ),
        sounds=tuple(_sound(voice, held, len(wanted)) for (voice, _), held in heard),
        exhausted=all(found.exhausted for _, found in speaking),
        lost=(
            *((voice.model, error) for voice, error in silent),
            *((voice.model, error) for (voice, _), error in lost),
        ),
    )


def _parted(
    asked: Sequence[One], answers: Sequence[Given | BackendUnavailable]
) -> tuple[list[tuple[One, Given]], list[tuple[One, BackendUnavailable]]]:
    """Those that answered, and those that did not."""
    pairs = list(zip(asked, answers, strict=True))
    heard = [(one, given) for one, given in pairs if not isinstance(given, BackendUnavailable)]
    return heard, [(one, given) for one, given in pairs if isinstance(given, BackendUnavailable)]


def _opinion(
    voice: Voice, found: Found, held: Mapping[VectorField, Held], wanted: Sequence[str], sweep: Sweep
) -> Opinion:
    hits = np.array([key in found.hits for key in wanted], dtype=np.bool_)
    return listen(voice, held, hits, len(sweep.weights))


def _sound(voice: Voice, held: Mapping[VectorField, Held], size: int) -> Sound:
    """The candidates in the field that the voice compares sounds in, or else in the only one that it has."""
    block = next((block for block in voice.blocks if block.field == "embedding"), voice.blocks[0])
    vectors = np.zeros((size, block.background.tracks.shape[1]), np.float32)
    vectors[held[block.field].places] = held[block.field].vectors
    return Sound.of(vectors, block.background)
