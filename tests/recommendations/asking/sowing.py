"""Requests as the tests of seeding make them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import strategies as st

from embeddings.models import Track
from recommendations.asking.seeding import Gathered, gather
from recommendations.domain import Request, Seed, VectorSeed
from recommendations.modes import get_mode
from tests.recommendations.library import MadeLibrary

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD_RANDOM = "KhehcqGKwAIL6Ux3Ah0yDC"
"""An id of before 0.64 of which only its own digest is left."""


def ask(*seeds: Seed | VectorSeed, mode: str = "custom", **said: Any) -> Gathered:
    """Gather what a request with these seeds names."""
    return gather(Request(seeds=seeds, mode=mode, **said), get_mode(mode, {}), now=NOW)


def weights(gathered: Gathered) -> dict[str, float]:
    """Weights of queries by track."""
    return {query.track_id: query.weight for query in gathered.queries}


def sown(tracks: Sequence[Track], **said: Any) -> list[Seed]:
    """Each track as a seed."""
    return [Seed(key=str(track.pk), **said) for track in tracks]


def seed_of(made: MadeLibrary, kind: str, number: int, weight: float, source: str, days: int) -> Seed | VectorSeed:
    """A seed as `seed_lists` draws it."""
    played_at = NOW - timedelta(days=days)
    if kind == "vector":
        vector = np.random.default_rng(number % 3).standard_normal(320)
        return VectorSeed(vectors={"acoustic": vector}, weight=weight, source=source, played_at=played_at)
    track = made.tracks[number]
    key = {"track": str(track.pk), "album": track.album_key, "artist": track.artist_key}[kind]
    return Seed(key=key, kind=kind, weight=weight, source=source, played_at=played_at)  # type: ignore[arg-type]


seed_lists = st.lists(
    st.tuples(
        st.sampled_from(["track", "album", "artist", "vector"]),
        st.integers(0, 15),
        st.floats(0, 3),
        st.sampled_from(["recent", "favorites"]),
        st.integers(0, 400),
    ),
    max_size=12,
)
