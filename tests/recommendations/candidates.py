"""Candidates and unit vectors for tests of pure arithmetic."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommendations.results import Candidate


def candidate(key: object = 0, **changed: Any) -> Candidate:
    """A track that is alone in all that it says of itself."""
    own: dict[str, Any] = {
        "id": str(key),
        "navidrome_id": f"n{key}",
        "title": f"Song {key}",
        "artist": f"Artist {key}",
        "album": f"Album {key}",
        "album_artist": f"Artist {key}",
        "artist_key": f"artist{key}",
        "album_key": f"album{key}",
        "path": f"{key}.mp3",
        "year": None,
        "genres": (),
        "duration": 200.0,
        "recording_mbid": "",
        "library_id": 1,
    }
    return Candidate(**own | changed)


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of length one."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def clustered(count: int, *, seed: int, clusters: int = 6, dimension: int = 24, spread: float = 0.6) -> NDArray[Any]:
    """[count, dimension] of unit length around a few centres."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dimension))
    return unit(centres[random.integers(0, clusters, count)] + spread * random.standard_normal((count, dimension)))
