"""A made library whose templates have been read, or whose vectors belong to other tracks: what bridges learn from."""

from dataclasses import replace

import numpy as np

from embeddings.domain import Vector
from embeddings.store.base import VectorStore
from recommendations.models import StoredBridge
from recommendations.prompt_templates import sentences
from tests.recommendations.library import MadeLibrary, Plan
from tests.recommendations.remembered import remember

PLAN = Plan(artists=10, models=("acoustic", "muq"))


def read_templates(made: MadeLibrary) -> dict[str, Vector]:
    """Let the templates have been read, each near the middle of a genre, away from all tracks."""
    chance, gap = np.random.default_rng(3), 2 * np.eye(1, 512)[0]
    middles = [made.middles["muq.joint", genre] for genre in PLAN.genres]
    rows = {}
    for number, words in enumerate(sentences()):
        row = middles[number % len(middles)] + gap + 0.02 * chance.standard_normal(512)
        rows[words] = (row / np.linalg.norm(row)).astype(np.float32)
    remember(made.generations["muq"], rows)
    return rows


def bridge_row() -> StoredBridge:
    return StoredBridge.objects.get(target__model="acoustic")


def exchange(made: MadeLibrary, memory: VectorStore) -> None:
    """Give every track another one's vector."""
    live, order = made.generations["acoustic"], np.random.default_rng(9).permutation(len(made.tracks))
    rows = [row for page in memory.rows(live.collection) for row in page]
    moved = [replace(row, embedding=rows[other].embedding) for row, other in zip(rows, order, strict=True)]
    memory.upsert(live.collection, moved)
