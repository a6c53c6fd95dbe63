"""The pieces of a library and what every model makes of them, kept between runs."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.alterations import write_copies
from bench.evaluation.protocol import Piece, library_pieces, read_manifest, tracks_to_alter
from bench.evaluation.systems import BASELINES, Vectors, baseline_vectors, model_vectors
from recommendations.arithmetic.calibration import Background

Rows = NDArray[np.float32]
NEURAL = ("muq", "mert", "latent")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corpus:
    """Tracks, their two excerpts and altered copies, in the space of every model."""

    tracks: list[Piece]
    pairs: tuple[list[Piece], list[Piece]]
    """Excerpts A and B of the same tracks, in the same order."""
    copies: list[Piece]
    """Altered copies; only models that heard them are asked about them."""
    models: Mapping[str, Vectors]

    @classmethod
    def of(cls, pieces: Sequence[Piece], models: Mapping[str, Vectors]) -> Self:
        """Leave out what any model calls silent."""

        def heard(piece: Piece) -> bool:
            return all(vectors[piece.id].any() for vectors in models.values() if piece.id in vectors)

        by_id = {piece.id: piece for piece in pieces if heard(piece)}
        first = [piece for piece in by_id.values() if piece.kind == "A" and f"B:{piece.track}" in by_id]
        return cls(
            tracks=[piece for piece in by_id.values() if piece.kind == "track"],
            pairs=(first, [by_id[f"B:{piece.track}"] for piece in first]),
            copies=[piece for piece in by_id.values() if piece.kind == "altered"],
            models=models,
        )

    def rows(self, model: str, pieces: Sequence[Piece]) -> Rows:
        """[pieces, dimension] of unit length."""
        table = np.stack([self.models[model][piece.id] for piece in pieces]).astype(np.float64)
        return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True), dtype=np.float32)

    def background(self, model: str, sampled: NDArray[np.intp] | None = None) -> Background:
        """Of all tracks, or of some."""
        rows = self.rows(model, self.tracks)
        return Background.fit(rows if sampled is None else rows[sampled])

    def hears_copies(self, model: str) -> bool:
        """Whether the model's vectors of the altered copies are there."""
        return all(piece.id in self.models[model] for piece in self.copies)


def gather(library: Path, keep: Path, checkpoints: Path | None) -> Corpus:
    """All pieces in all models there are, computed where `keep` does not have them."""
    tracks = read_manifest(library)
    # A folder of its own for every library: its copies are named after tracks, which other libraries have as well.
    work = keep / library.resolve().name
    plain = library_pieces(tracks)
    copies = write_copies(tracks_to_alter(tracks), work / "altered")
    pieces = [*plain, *copies]
    models = {"acoustic": _kept(work, "acoustic", pieces, lambda: model_vectors(pieces, "acoustic"))}
    for name in BASELINES:
        models[name] = _kept(work, name, pieces, partial(_baseline, pieces, work / "baselines", name))
    for key in NEURAL:
        if checkpoints is not None and (checkpoints / key).is_dir():
            models[key] = _neural(work, key, plain, checkpoints)
    return Corpus.of(pieces, models)


def _neural(work: Path, key: str, pieces: Sequence[Piece], checkpoints: Path) -> Vectors:
    from bench.quality.neural import neural_vectors  # noqa: PLC0415 - torch, for this alone

    return _kept(work, key, pieces, lambda: neural_vectors(pieces, key, checkpoints, work))


def _baseline(pieces: Sequence[Piece], cache: Path, name: str) -> Vectors:
    return baseline_vectors(pieces, cache)[name]


def _kept(work: Path, name: str, pieces: Sequence[Piece], make: Callable[[], Vectors]) -> Vectors:
    asked = hashlib.sha1("\n".join(piece.id for piece in pieces).encode(), usedforsecurity=False).hexdigest()[:12]
    path = work / "vectors" / f"{name}.{asked}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made: dict[str, Any] = make()
        np.savez(path, allow_pickle=False, **made)
    with np.load(path) as stored:
        return dict(stored)
