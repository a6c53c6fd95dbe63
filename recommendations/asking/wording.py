"""Turns words into vectors that each model can compare with its own, and says by which way, or why by none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from embeddings import conf
from embeddings.domain import Vector
from embeddings.embedders import SPECS
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs.prompts import ReadPrompts, read_prompts, readable, trained_available
from embeddings.models import Generation
from embeddings.models.prompt import TowerKind
from embeddings.store.base import VectorField
from recommendations.asking.stub_texts import stub_vector
from recommendations.domain import Wording
from recommendations.fitting.spaces import Space

NO_TEXT = "no_text"
"""Code of a model that has no way from words to its vectors: no fault of anybody's, unlike other refusals."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadText:
    """What one text became for one model."""

    vector: Vector
    """float32 of unit length, as long as the vectors of `field`."""
    field: VectorField
    """What it is compared with."""
    wording: Wording


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texts:
    """What texts became, for every model that words reach."""

    by_model: Mapping[str, Sequence[ReadText]]
    """In the order of the texts; those of one model were all read in one way, into one field."""
    warnings: tuple[str, ...] = ()
    """Which models words do not reach and why, and which were reached by less than their best way."""
    is_stub: bool = False
    """Whether any of them means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Read:
    """[texts, dimension] of one way, and what they are compared with."""

    vectors: NDArray[np.float32]
    field: VectorField
    wording: Wording


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Outcome:
    """How one model fared: its texts, or a backend that is away, or neither; and why better ways did not work."""

    read: _Read | None = None
    away: BackendUnavailable | None = None
    refusals: tuple[Refused, ...] = ()

    @property
    def problems(self) -> list[Refused]:
        """What should work and does not, without the ways that are just not there."""
        return [refusal for refusal in self.refusals if refusal.code != NO_TEXT]

    @property
    def reason(self) -> str:
        """Why words do not reach the model; of ways that are not there the last says what to do about it."""
        return str(self.away or (self.problems or self.refusals[-1:])[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Has the same texts read by several towers, by each at most once."""

    texts: Sequence[str]
    _answers: dict[tuple[str, TowerKind], ReadPrompts | Refused | BackendUnavailable] = field(default_factory=dict)

    def read(self, generation: Generation, tower: TowerKind) -> NDArray[np.float32]:
        """[texts, dimension], comparable with a generation.

        Raises:
            Refused: the tower cannot be had, or one of the texts cannot be read.
            BackendUnavailable: no text worker answers now.

        """
        asked = (generation.model, tower)
        if asked not in self._answers:
            self._answers[asked] = self._ask(*asked)
        answer = self._answers[asked]
        if not isinstance(answer, ReadPrompts):
            raise answer
        if _making(answer.generation) != _making(generation):
            raise BackendUnavailable(f"Other {generation.model} vectors became live a moment ago; ask again.")
        return answer.vectors

    def _ask(self, model: str, tower: TowerKind) -> ReadPrompts | Refused | BackendUnavailable:
        try:
            read = read_prompts(model, self.texts, tower=tower)
        except (Refused, BackendUnavailable) as error:
            return error
        return next(iter(read.failed.values()), read)


def read_texts(prompts: Sequence[str], spaces: Sequence[Space]) -> Texts:
    """Turn texts into vectors for every model that words reach.

    Each model takes the first of these ways that is there: its own text tower; a text checkpoint that was trained
    for its vectors; the bridge from a space that another model shares with text; and where TEXT_USE_STUBS asks for
    it, vectors that mean nothing.

    Args:
        prompts: in any language that the towers read; negative ones likewise. None gives no texts.
        spaces: of the models that are asked.

    Raises:
        Refused: one of the prompts cannot be read (`prompt_empty`, `bad_prompt`), or words reach none of the models
            (`no_text`, or what stands in the way).
        BackendUnavailable: they would reach one whose text worker does not answer now, and reach no other.

    """
    reader = _Reader(texts=[readable(prompt) for prompt in prompts])
    if not reader.texts:
        return Texts(by_model={})
    outcomes = {space.model: _outcome(space, reader) for space in spaces}
    found = {model: outcome.read for model, outcome in outcomes.items() if outcome.read}
    if not found:
        raise _nobody(outcomes)
    return Texts(
        by_model={model: _texts(read) for model, read in found.items()},
        warnings=tuple(warning for model, outcome in outcomes.items() for warning in _warnings(model, outcome)),
        is_stub=any(read.wording == "stub" for read in found.values()),
    )


def _outcome(space: Space, reader: _Reader) -> _Outcome:
    refusals: list[Refused] = []
    for way in _WAYS:
        try:
            return _Outcome(read=way(space, reader), refusals=tuple(refusals))
        except Refused as error:
            refusals.append(error)
        except BackendUnavailable as error:
            # By a lesser way the same request would find other tracks now than in a minute.
            return _Outcome(away=error, refusals=tuple(refusals))
    read = _stubs(space, reader) if conf.texts().use_stubs else None
    return _Outcome(read=read, refusals=tuple(refusals))


def _by_own_tower(space: Space, reader: _Reader) -> _Read:
    return _Read(vectors=reader.read(space.generation, "own"), field="joint", wording="tower")


def _by_trained_tower(space: Space, reader: _Reader) -> _Read:
    if not trained_available(space.model):
        raise Refused(f"No text checkpoint was trained for {space.model}.", code=NO_TEXT)
    return _Read(vectors=reader.read(space.generation, "trained"), field="embedding", wording="trained")


def _by_bridge(space: Space, reader: _Reader) -> _Read:
    bridge = space.bridge()
    if bridge is None or bridge.refusal:
        raise Refused(bridge.refusal if bridge else _no_bridge(space.model), code=NO_TEXT)
    joint = reader.read(bridge.source, "own")
    return _Read(vectors=bridge.load().map(joint), field="embedding", wording="bridge")


_WAYS: tuple[Callable[[Space, _Reader], _Read], ...] = (_by_own_tower, _by_trained_tower, _by_bridge)
"""Best first; each refuses with `NO_TEXT` where it is not there, and the last says what to do about it."""


def _stubs(space: Space, reader: _Reader) -> _Read:
    vectors = np.stack([stub_vector(text, space.spec.dimension) for text in reader.texts])
    return _Read(vectors=vectors, field="embedding", wording="stub")


def _texts(read: _Read) -> tuple[ReadText, ...]:
    return tuple(ReadText(vector=vector, field=read.field, wording=read.wording) for vector in read.vectors)


def _warnings(model: str, outcome: _Outcome) -> list[str]:
    if outcome.read is None:
        return [f"{model} took no part in what was asked in words: {outcome.reason}"]
    said = [f"{model} was not asked by its best text model: {problem}" for problem in outcome.problems]
    if outcome.read.wording == "stub":
        said.append(f"{model} has no text model: what it found for these words means nothing (TEXT_USE_STUBS).")
    return said


def _nobody(outcomes: Mapping[str, _Outcome]) -> Refused | BackendUnavailable:
    """What to raise when words reach none of the models."""
    away = [outcome.away for outcome in outcomes.values() if outcome.away]
    problems = [problem for outcome in outcomes.values() for problem in outcome.problems]
    if away or problems:
        return (away or problems)[0]
    reasons = list(dict.fromkeys(outcome.reason for outcome in outcomes.values()))
    return Refused(" ".join(reasons), code=NO_TEXT)


def _no_bridge(model: str) -> str:
    """Why no bridge leads to a model, and what to do."""
    readers = [spec.key for spec in SPECS.values() if spec.text_loader]
    if any(Generation.objects.live(key) for key in readers):
        return f"Words do not reach {model} yet: how they get there has to be learned, with: manage.py fit"
    return (
        f"Words do not reach {model}: embed the library with {' or '.join(readers)} as well, from which the way is "
        f"learned, or put a trained {model}_best_r1.pt into TEXT_CHECKPOINT_DIR."
    )


def _making(generation: Generation) -> tuple[object, ...]:
    """All that vectors of a model depend on: those of the same making lie in one space."""
    return generation.spec_version, generation.checkpoint, generation.packages
