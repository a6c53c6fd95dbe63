"""Embeds some tracks again, as a job does, and compares what comes out with what is stored."""

import random
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from embeddings.audio.locate import resolve
from embeddings.conf import VerificationConfig
from embeddings.domain import Embedding, Vector
from embeddings.embedders import get_spec
from embeddings.embedders.base import Embedder
from embeddings.errors import AudioMissing, Refused, TrackError, WorkerUnfit
from embeddings.jobs.checking.check import NAMED, Beat, Check, counted
from embeddings.jobs.pipeline import Embedded, Outcome, Pipeline
from embeddings.jobs.resident import Resident
from embeddings.models import Generation, Track, is_current
from embeddings.store.base import VectorStore
from embeddings.store.checks import batches

ALIKE = 0.999
ALIKE_REDUCED = 0.99
"""Cosine that an embedding made again has with the stored one; less where precision is reduced."""
CANDIDATES = 10
"""Tracks that are drawn for each that is wanted, because files may be missing."""


@dataclass(slots=True, kw_only=True)
class Compared:
    """What came of the sample."""

    cosines: dict[str, float] = field(default_factory=dict)
    """By the track's name."""
    left_out: list[str] = field(default_factory=list)
    """Why tracks could not be compared, a sentence each."""


def check_sample(
    generation: Generation,
    *,
    ids: Sequence[str],
    suspects: Sequence[str],
    resident: Resident,
    config: VerificationConfig,
    beat: Beat,
) -> Check:
    """Embed a sample again and compare.

    Args:
        generation: whose vectors are compared.
        ids: what to draw from; the same tracks are drawn each time.
        suspects: ids of which as many are compared besides.
        resident: lends the model, the decoders and the store.
        config: how many, and how long.
        beat: called between tracks.

    Raises:
        BackendUnavailable: the store does not answer.

    """
    drawn = _drawn(generation, ids, config.sample * CANDIDATES)
    doubtful = [
        track for track in _tracks(generation, suspects[: config.sample]) if track not in drawn[: config.sample]
    ]
    if not drawn and not doubtful:
        return _none_compared("it holds no vector of a present track as its file is now")
    sample = Sample(generation, resident.store, config, beat)
    beat(f"Verifying {generation}: embedding {counted(config.sample, 'track')} again", slow=True)
    try:
        with resident.embedder(generation, beat) as embedder:
            sample.compare(drawn, doubtful, embedder, resident)
    except (WorkerUnfit, Refused) as error:
        # Others may be fit: this says nothing of the vectors.
        return _none_compared(str(error).partition(". ")[0])
    return sample.judge()


class Sample:
    """One sample on its way through the pipeline."""

    def __init__(self, generation: Generation, store: VectorStore, config: VerificationConfig, beat: Beat) -> None:
        """Start with nothing compared."""
        self._generation = generation
        self._store = store
        self._config = config
        self._beat = beat
        self._found = Compared()
        self._ends = time.monotonic() + config.seconds

    def compare(
        self, drawn: Sequence[Track], doubtful: Sequence[Track], embedder: Embedder, resident: Resident
    ) -> None:
        """Embed doubtful tracks and as many of the drawn ones as are wanted; others are drawn for what is missing."""
        # Loading the model takes minutes, and is not what the time is for.
        self._ends = time.monotonic() + self._config.seconds
        remaining = list(drawn)
        turn, remaining = remaining[: self._config.sample], remaining[self._config.sample :]
        self._embed([*turn, *doubtful], embedder, resident)
        wanted = min(self._config.sample, len(drawn)) + len(doubtful)
        while remaining and (lacking := wanted - len(self._found.cosines)) > 0 and not self._is_over():
            turn, remaining = remaining[:lacking], remaining[lacking:]
            self._embed(turn, embedder, resident)

    def judge(self) -> Check:
        """Say how alike they are."""
        cosines, bar, others = self._found.cosines, _bar(self._generation), self._found.left_out
        left_out = f" {counted(len(others), 'other')} left out: {' '.join(others[:NAMED])}" if others else ""
        if not cosines:
            return _none_compared(f"none could be embedded.{left_out}".removesuffix("."))
        lowest = min(cosines.values())
        unlike = [f"{name} ({cosine:.4f})" for name, cosine in cosines.items() if cosine < bar]
        said = f"; {len(unlike)} of them unlike: {', '.join(unlike[:NAMED])}" if unlike else ""
        return Check(
            name="sample",
            passed=not unlike,
            value=round(lowest, 6),
            bar=bar,
            sentence=f"{counted(len(cosines), 'track')} embedded again; the lowest cosine with what is stored is "
            f"{lowest:.5f}{said}.{left_out}",
        )

    def _embed(self, tracks: Sequence[Track], embedder: Embedder, resident: Resident) -> None:
        by_id = {str(track.pk): track for track in tracks if self._is_here(track)}
        stored = self._stored(list(by_id))
        pipeline = Pipeline(get_spec(self._generation.model), embedder, resident.decoders)
        slices = iter([[track.ref() for key, track in by_id.items() if key in stored]])
        with closing(pipeline.run(slices)) as outcomes:
            for settled in outcomes:
                self._beat(f"Verifying {self._generation}: {len(self._found.cosines)} embedded again")
                for outcome in settled:
                    self._take(by_id[outcome.track_id], stored[outcome.track_id], outcome)
                if self._is_over():
                    break

    def _take(self, track: Track, stored: Embedding, outcome: Outcome) -> None:
        if isinstance(outcome, Embedded):
            self._found.cosines[track.name] = _likeness(outcome.embedding, stored)
        else:
            self._leave_out(track, outcome.error)

    def _is_over(self) -> bool:
        """Whether the time is; the first is waited for however long it takes."""
        return bool(self._found.cosines) and time.monotonic() > self._ends

    def _is_here(self, track: Track) -> bool:
        """Whether the file is the one that was embedded, as far as its size says."""
        try:
            size = Path(resolve(track.library.root, track.path).decode(errors="surrogateescape")).stat().st_size
            if size != track.size:
                raise AudioMissing("The file has changed since the catalogue was brought up to date.")
        except TrackError as error:
            self._leave_out(track, error)
            return False
        return True

    def _leave_out(self, track: Track, error: TrackError) -> None:
        self._found.left_out.append(f"{track.name}: {error}")

    def _stored(self, ids: Sequence[str]) -> dict[str, Embedding]:
        vectors = self._store.fetch(self._generation.collection, ids)
        joint: dict[str, Vector] = {}
        if self._generation.joint_dimension and vectors:
            joint = self._store.fetch(self._generation.collection, list(vectors), field="joint")
        return {key: Embedding(vector=vector, joint=joint.get(key)) for key, vector in vectors.items()}


def _drawn(generation: Generation, ids: Sequence[str], most: int) -> list[Track]:
    return _tracks(generation, random.Random(generation.pk).sample(ids, min(most, len(ids))))  # noqa: S311


def _tracks(generation: Generation, ids: Sequence[str]) -> list[Track]:
    """Those of the tracks whose vector was made from the file as it is now, in the order of their ids as given."""
    usable = Track.objects.present().filter(is_current(generation)).select_related("library")
    found = {str(track.pk): track for some in batches(ids, CANDIDATES * 10) for track in usable.filter(pk__in=some)}
    return [found[key] for key in ids if key in found]


def _likeness(again: Embedding, stored: Embedding) -> float:
    cosines = [_cosine(again.vector, stored.vector)]
    if again.joint is not None and stored.joint is not None:
        cosines.append(_cosine(again.joint, stored.joint))
    return min(cosines)


def _cosine(one: Vector, other: Vector) -> float:
    if one.shape != other.shape:
        return 0.0
    scale = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    # What has no direction is like nothing.
    return float(np.dot(one, other)) / scale if scale and np.isfinite(scale) else 0.0


def _bar(generation: Generation) -> float:
    return ALIKE if generation.precision in {"", "float32"} else ALIKE_REDUCED


def _none_compared(reason: str) -> Check:
    return Check(name="sample", passed=None, sentence=f"No track was embedded again: {reason}.")
