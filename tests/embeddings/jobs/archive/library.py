"""A catalogue, a generation that holds its vectors, and what another database knows of the same files."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import EmbedderSpec, VectorRow
from embeddings.embedders import get_spec
from embeddings.jobs.generations import prepare
from embeddings.models import Generation, GenerationState, Identity, Library, Track, TrackVector
from embeddings.store.base import VectorStore

SPEC = get_spec("acoustic")
IDENTITY = Identity(checkpoint="ab" * 32, packages="muq 0.1.0", precision="float32")


def unit_vectors(count: int, width: int, seed: int = 1) -> NDArray[np.float32]:
    numbers = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(numbers, axis=1, keepdims=True)
    return numbers / lengths


def make_tracks(count: int, *, library: Library | None = None, **fields: Any) -> list[Track]:
    if library is None:
        library, _ = Library.objects.get_or_create(source="folder", external_id=1, name="music", root="/music")
    numbers = range(Track.objects.count(), Track.objects.count() + count)
    made = [
        Track(
            library=library,
            **{
                "path": f"Ärtist/{number:05d}.flac",
                "signature": f"{number + 1}:17000000{number:05d}",
                "navidrome_id": f"nav{number:05d}",
                "artist": "Ärtist",
                "title": f"Title {number}",
                "duration": 100.0 + number,
                "artist_key": "a" * 32,
                "album_key": f"album{number // 10}",
            }
            | fields,
        )
        for number in numbers
    ]
    Track.objects.bulk_create(made)
    return made


def fill(
    tracks: Sequence[Track], store: VectorStore, *, spec: EmbedderSpec = SPEC, state: str = GenerationState.LIVE
) -> Generation:
    """A generation with the vectors of these tracks."""
    generation = Generation.objects.open(spec, state=state, identity=IDENTITY, taken=store.collections())
    prepare(spec, generation, store)
    add(generation, tracks, store)
    return generation


def add(generation: Generation, tracks: Sequence[Track], store: VectorStore, *, seed: int = 1) -> None:
    own = unit_vectors(len(tracks), generation.dimension, seed)
    joint = unit_vectors(len(tracks), generation.joint_dimension or 2, seed + 1)
    store.upsert(
        generation.collection,
        [
            VectorRow(
                id=str(track.pk),
                name=track.name,
                embedding=own[number],
                joint=joint[number] if generation.joint_dimension else None,
                offset=0.25,
                model_id=generation.model_id,
                library_id=track.library_id,
                artist_key=track.artist_key,
                album_key=track.album_key,
            )
            for number, track in enumerate(tracks)
        ],
    )
    TrackVector.objects.record(
        [TrackVector(generation=generation, track=track, signature=track.signature) for track in tracks]
    )


def forget_database() -> None:
    """What another machine's database starts with: nothing."""
    Generation.objects.all().delete()
    Library.objects.all().delete()


def bits(store: VectorStore, collection: str) -> dict[str, tuple[bytes, bytes, float, str]]:
    """Every vector of a collection by id, bit by bit, and what goes with it wherever it goes."""
    return {
        row.id: (
            row.embedding.tobytes(),
            b"" if row.joint is None else row.joint.tobytes(),
            row.offset,
            row.model_id,
        )
        for page in store.rows(collection)
        for row in page
    }


def signatures(generation: Generation) -> dict[UUID, str]:
    return dict(generation.vectors.values_list("track_id", "signature"))
