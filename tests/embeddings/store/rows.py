"""Rows and random vectors for the store's tests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import VectorRow

DIMENSION = 24


def random_vectors(count: int, *, dimension: int = DIMENSION, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)


def row(identifier: str, vector: Any, **fields: Any) -> VectorRow:
    values: dict[str, Any] = {
        "name": f"Artist - {identifier}",
        "offset": 0.0,
        "model_id": "acoustic@1",
        "library_id": 1,
        "artist_key": "artist",
        "album_key": "album",
    }
    return VectorRow(id=identifier, embedding=np.asarray(vector, dtype=np.float32), **(values | fields))


JOINT = 10


def rows(count: int, *, dimension: int = DIMENSION, joint: int = 0, seed: int = 1) -> list[VectorRow]:
    """Rows `r00000`...: ten artists, a hundred albums, every 50th in library 2."""
    vectors = random_vectors(count, dimension=dimension, seed=seed)
    seconds = random_vectors(count, dimension=joint, seed=seed + 1000) if joint else [None] * count
    return [
        row(
            f"r{number:05d}",
            vectors[number],
            library_id=2 if number % 50 == 0 else 1,
            artist_key=f"artist-{number % 10}",
            album_key=f"album-{number % 100}",
            joint=seconds[number],
        )
        for number in range(count)
    ]
