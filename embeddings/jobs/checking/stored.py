"""Reads every vector of a generation once, page by page, and keeps what the checks need of them."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import Vector
from embeddings.jobs.checking.check import Beat
from embeddings.models import Generation
from embeddings.store.base import VectorField, VectorStore
from embeddings.store.checks import batches

CHUNK = 1000
"""Vectors in memory at once: 16 MB of the longest ones."""


@dataclass(slots=True, kw_only=True)
class Stored:
    """What is in the store; ids and figures, no vectors."""

    ids: set[str] = field(default_factory=set)
    """Ids that a vector was read under."""
    doubled: int = 0
    """How often an id was listed that had been listed before."""
    wrong_width: set[str] = field(default_factory=set)
    not_finite: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    """Ids of vectors that are not of unit length."""
    deviation: float = 0.0
    """How far the length of any finite one is from 1, at most."""
    first: dict[bytes, str] = field(default_factory=dict)
    """Digest of each vector, and the first id it was read under."""
    twins: dict[bytes, list[str]] = field(default_factory=dict)
    """Digests of vectors that were read under several ids, and all of these."""

    @property
    def read(self) -> int:
        """How many vectors were read."""
        return len(self.ids)


def read_stored(generation: Generation, store: VectorStore, *, tolerance: float, beat: Beat) -> Stored:
    """Read all vectors of a generation, the joint ones as well.

    Args:
        generation: whose collection is read.
        store: where it is.
        tolerance: how far a length may be from 1.
        beat: called between chunks.

    Raises:
        BackendUnavailable: the store does not answer.
        CollectionMissing: it is not there.

    """
    stored, listed = Stored(), set[str]()
    for page in store.ids(generation.collection):
        stored.doubled += len(page) - len(set(page) - listed)
        for chunk in batches(page, CHUNK):
            vectors = store.fetch(generation.collection, chunk)
            stored.ids |= vectors.keys()
            _look_at(stored, vectors, generation.dimension, tolerance)
            _find_twins(stored, vectors)
            if generation.joint_dimension:
                joint = _fetch(store, generation.collection, chunk, "joint")
                stored.wrong_width |= vectors.keys() - joint.keys()
                _look_at(stored, joint, generation.joint_dimension, tolerance)
            beat(f"Verifying {generation}: {stored.read:,} vectors read")
        listed.update(page)
    return stored


def _fetch(store: VectorStore, collection: str, ids: Sequence[str], kind: VectorField) -> dict[str, Vector]:
    """Fetch one field; nothing when the collection has no such field, as each of its rows then lacks it."""
    try:
        return store.fetch(collection, ids, field=kind)
    except ValueError:
        return {}


def _look_at(stored: Stored, vectors: dict[str, Vector], width: int, tolerance: float) -> None:
    fitting = {key: vector for key, vector in vectors.items() if np.shape(vector) == (width,)}
    stored.wrong_width |= vectors.keys() - fitting.keys()
    if not fitting:
        return
    ids, lengths = list(fitting), _lengths(fitting.values())
    finite = np.isfinite(lengths)
    deviations = np.abs(lengths - 1.0)
    stored.not_finite |= {ids[number] for number in np.flatnonzero(~finite)}
    stored.off |= {ids[number] for number in np.flatnonzero(finite & (deviations > tolerance))}
    stored.deviation = max(stored.deviation, float(deviations[finite].max(initial=0.0)))


def _lengths(vectors: Iterable[Vector]) -> NDArray[np.float32]:
    rows = np.stack(list(vectors))
    with np.errstate(over="ignore", invalid="ignore"):
        lengths: NDArray[np.float32] = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return lengths


def _find_twins(stored: Stored, vectors: dict[str, Vector]) -> None:
    for key, vector in vectors.items():
        digest = hashlib.blake2b(np.ascontiguousarray(vector).tobytes(), digest_size=16).digest()
        first = stored.first.setdefault(digest, key)
        if first != key:
            stored.twins.setdefault(digest, [first]).append(key)
