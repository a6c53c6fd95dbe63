"""Vectors that stand for words without meaning anything: for trying callers out, and only where a setting asks."""

import hashlib

import numpy as np

from embeddings.domain import Vector


def stub_vector(text: str, dimension: int) -> Vector:
    """Give [dimension] float32 of unit length that depends on the text alone, the same on every machine.

    The numbers are those of the service that this project replaces, whose callers may have recorded them.

    Source:
        md5 of the text as the seed of numpy's legacy generator, whose stream never changes.

    """
    seed = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16) % 2**32
    drawn = np.random.RandomState(seed).randn(dimension).astype(np.float32)
    vector: Vector = drawn / np.linalg.norm(drawn)
    return vector
