"""The library that is asked: real rows of a catalogue, and vectors in a store; `python -m bench.recommend.shelf N`."""

import os
import sys
import uuid
from collections.abc import Iterator
from itertools import islice

import numpy as np
from django.core.management import call_command
from django.utils import timezone

import bench.alone  # noqa: F401 - before anything that needs Django
from bench.recommend.music import ALBUM, ARTIST, CHUNK, GENRES, latents, vectors
from embeddings import conf
from embeddings.domain import VectorRow
from embeddings.embedders import SPECS
from embeddings.models import Generation, GenerationState, Library, Track, TrackVector
from embeddings.models.identity import Identity
from embeddings.models.prompt import Asked, PromptVector
from embeddings.store import connect
from embeddings.store.base import VectorStore
from recommendations.fitting.fit import fit_all
from recommendations.prompt_templates import sentences

MODELS = ("muq", "latent", "mert")
MADE = uuid.UUID("6f1c0000-0000-4000-8000-000000000000")
IDENTITY = Identity(checkpoint="bench", packages="bench")


def track_id(number: int) -> uuid.UUID:
    """Id of a track; ids of different libraries are the same."""
    return uuid.UUID(int=MADE.int + number)


def catalogue(count: int) -> None:
    """Write the rows of the tracks."""
    library = Library.objects.create(source="folder", external_id=1, name="bench", root="/bench")
    Track.objects.bulk_create((_track(library, number) for number in range(count)), batch_size=CHUNK)


def _track(library: Library, number: int) -> Track:
    artist, album = number // ARTIST, number // ALBUM
    return Track(
        id=track_id(number),
        library=library,
        path=f"{artist}/{album}/{number}.flac",
        signature="bench",
        title=f"Track {number}",
        artist=f"Artist {artist}",
        album=f"Album {album}",
        artist_key=f"artist-{artist}",
        album_key=f"album-{album}",
        year=1960 + album % 65,
        genres=[GENRES[artist % len(GENRES)]],
        duration=120.0 + number % 300,
    )


def fill(store: VectorStore, model: str, count: int) -> None:
    """Write one model's generation, as a job does; one that was begun is written again."""
    spec = SPECS[model]
    live = Generation.objects.live(model)
    generation = live or Generation.objects.open(spec, state=GenerationState.LIVE, identity=IDENTITY)
    store.create(generation.collection, spec.dimension, joint_dimension=spec.joint_dimension)
    for chunk in rows(model, count):
        store.upsert(generation.collection, chunk)
        TrackVector.objects.bulk_create(
            [
                TrackVector(generation=generation, track_id=row.id, signature="bench", stored_at=timezone.now())
                for row in chunk
            ],
            ignore_conflicts=True,
        )
        print(f"{model}: {chunk[-1].name}", flush=True)
    store.flush(generation.collection)
    store.point_alias(spec.alias, generation.collection)


def rows(model: str, count: int) -> Iterator[list[VectorRow]]:
    """The vectors of a model with their labels, so many at a time."""
    spec, found = SPECS[model], latents(count)
    joints = vectors(spec, spec.joint_dimension, found) if spec.joint_dimension else None
    tracks = Track.objects.order_by("pk").iterator(chunk_size=CHUNK)
    for chunk in vectors(spec, spec.dimension, found):
        joint = next(joints) if joints else [None] * len(chunk)
        yield [
            track.labels(offset=0.0, model_id="bench@1").row(str(track.pk), vector, other)
            for track, vector, other in zip(islice(tracks, len(chunk)), chunk, joint, strict=True)
        ]


def read_texts() -> None:
    """Remember what a text tower would have made of the sentences that ship: music, and what texts have in common."""
    live = Generation.objects.live("muq")
    if live is None:
        return
    chance = np.random.default_rng(3)
    joint = next(vectors(SPECS["muq"], live.joint_dimension, latents(CHUNK)))
    away = chance.standard_normal(live.joint_dimension).astype(np.float32) / np.sqrt(live.joint_dimension)
    asked = [
        Asked(model="muq", spec_version=1, checkpoint="bench", packages="bench", prompt=one) for one in sentences()
    ]
    heard = joint[chance.integers(len(joint), size=len(asked))] + away
    PromptVector.objects.keep(dict(zip(asked, heard / np.linalg.norm(heard, axis=1, keepdims=True), strict=True)))


def main(count: int) -> None:
    """Make what is missing in `VAR_DIR` and in the store that settings name."""
    call_command("migrate", verbosity=0)
    if Track.objects.count() != count:
        Track.objects.all().delete()
        catalogue(count)
    store = connect(conf.store())
    for model in MODELS:
        live = Generation.objects.live(model)
        if live is None or store.count(live.collection) != count:
            fill(store, model, count)
    read_texts()
    fit_all(store, only_outdated=True)
    store.close()


if __name__ == "__main__":
    os.nice(10)
    main(int(sys.argv[1]))
