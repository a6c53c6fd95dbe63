"""A small made-up music library with vectors of several models: what sounds alike, who plays it and when is known."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from embeddings.domain import EmbedderSpec, Vector, VectorRow
from embeddings.embedders import get_spec
from embeddings.library.navidrome_ids import encode
from embeddings.models import Generation, GenerationState, Library, Track, TrackVector
from embeddings.store.base import VectorStore

MODELS = ("acoustic", "muq", "latent")
GENRES = ("Jazz", "Metal", "Ambient", "Folk", "Techno", "Opera")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a library is made of; every artist plays one genre, and every genre is one cluster of every model."""

    artists: int = 12
    albums: int = 2
    """Of each artist."""
    tracks: int = 4
    """Of each album."""
    genres: Sequence[str] = GENRES[:4]
    models: Sequence[str] = MODELS
    seed: int = 1
    spread: float = 0.9
    """How far tracks lie from the middle of their genre: 0 for in it, 1 for as far as that lies from nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeLibrary:
    """What was made."""

    library: Library
    tracks: list[Track]
    """In order of artist, album and number."""
    generations: dict[str, Generation] = field(default_factory=dict)
    """The live one of each model."""
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """[tracks, dimension] of unit length by model, in the order of `tracks`."""
    joints: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """The same in the space shared with text, for models that have one."""
    middles: dict[tuple[str, str], Vector] = field(default_factory=dict)
    """The middle of each genre by model and genre; `muq.joint` is the model's joint space."""

    def of_genre(self, genre: str) -> list[Track]:
        """Tracks of one genre, in order."""
        return [track for track in self.tracks if genre in track.genres]

    def ids(self, tracks: Sequence[Track]) -> list[str]:
        """Our ids of tracks, in order."""
        return [str(track.pk) for track in tracks]


def make_library(store: VectorStore, plan: Plan | None = None, *, root: str = "/nowhere") -> MadeLibrary:
    """Write the catalogue's rows, and a live generation of each model with a vector of every track."""
    plan = plan or Plan()
    library = Library.objects.create(source="navidrome", external_id=1, name="Music", root=root)
    tracks = Track.objects.bulk_create(
        _track(library, plan, artist, album, number)
        for artist in range(plan.artists)
        for album in range(plan.albums)
        for number in range(plan.tracks)
    )
    made = MadeLibrary(library=library, tracks=tracks)
    for place, model in enumerate(plan.models):
        _embed(made, get_spec(model), plan, np.random.default_rng([plan.seed, place]), store)
    return made


def navidrome_id(name: str) -> str:
    """The id, in the form of today, that Navidrome would give to something with this name."""
    return encode(hashlib.md5(name.encode()).digest())


def _track(library: Library, plan: Plan, artist: int, album: int, number: int) -> Track:
    performer, record = f"Artist {artist:02}", f"Album {artist:02}.{album}"
    path = f"{performer}/{record}/{number + 1:02} Song.flac"
    return Track(
        pk=uuid5(NAMESPACE_URL, path),
        library=library,
        navidrome_id=navidrome_id(path),
        path=path,
        signature="1:1",
        title=f"Song {artist:02}.{album}.{number + 1}",
        artist=performer,
        album=record,
        album_artist=performer,
        artist_key=navidrome_id(performer),
        album_key=navidrome_id(record),
        track_number=number + 1,
        disc_number=1,
        year=1960 + 5 * artist + 2 * album,
        genres=[plan.genres[artist % len(plan.genres)]],
        duration=120.0 + 15 * number,
    )


def _embed(made: MadeLibrary, spec: EmbedderSpec, plan: Plan, chance: np.random.Generator, store: VectorStore) -> None:
    generation = Generation.objects.open(spec, state=GenerationState.LIVE, taken=store.collections())
    made.generations[spec.key] = generation
    made.vectors[spec.key] = _around(made, plan, spec.key, spec.dimension, chance)
    if spec.joint_dimension:
        made.joints[spec.key] = _around(made, plan, f"{spec.key}.joint", spec.joint_dimension, chance)
    store.create(generation.collection, spec.dimension, joint_dimension=spec.joint_dimension)
    store.upsert(generation.collection, [_row(made, generation, number) for number in range(len(made.tracks))])
    store.flush(generation.collection)
    store.point_alias(spec.alias, generation.collection)
    TrackVector.objects.record(
        [TrackVector(generation=generation, track=track, signature=track.signature) for track in made.tracks]
    )


def _around(
    made: MadeLibrary, plan: Plan, space: str, dimension: int, chance: np.random.Generator
) -> NDArray[np.float32]:
    """Unit vectors around the middle of each track's genre, and around a smaller one of its artist's own."""
    middles = {genre: _direction(dimension, chance) for genre in plan.genres}
    made.middles.update({(space, genre): middle for genre, middle in middles.items()})
    artists = {track.artist: _direction(dimension, chance) for track in made.tracks}
    rows = []
    for track in made.tracks:
        apart = 0.6 * artists[track.artist] + 0.8 * _direction(dimension, chance)
        row = middles[track.genres[0]] + plan.spread * apart
        rows.append(row / np.linalg.norm(row))
    return np.asarray(rows, dtype=np.float32)


def _direction(dimension: int, chance: np.random.Generator) -> Vector:
    drawn = chance.standard_normal(dimension)
    direction: Vector = (drawn / np.linalg.norm(drawn)).astype(np.float32)
    return direction


def _row(made: MadeLibrary, generation: Generation, number: int) -> VectorRow:
    track, joints = made.tracks[number], made.joints.get(generation.model)
    return VectorRow(
        id=str(track.pk),
        name=track.name,
        embedding=made.vectors[generation.model][number],
        offset=0.0,
        model_id=generation.model_id,
        library_id=track.library_id,
        artist_key=track.artist_key,
        album_key=track.album_key,
        year=track.year or 0,
        seconds=track.duration or 0.0,
        genres=tuple(track.genres),
        joint=None if joints is None else joints[number],
    )
