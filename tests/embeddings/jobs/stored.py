"""A catalogue whose tracks have vectors, without a model: random ones, in a real store."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from embeddings.domain import VectorRow
from embeddings.embedders import get_spec
from embeddings.models import Generation, GenerationState, Library, Track, TrackVector
from embeddings.store.base import VectorStore
from tests.embeddings.store.rows import random_vectors

DAY = timedelta(days=1)
WIDTH, JOINT = 24, 10


def make_tracks(count: int, *, folder: str = "/music") -> list[Track]:
    """New tracks in the library of this folder."""
    number = Library.objects.count() + 1
    library, _ = Library.objects.get_or_create(
        root=folder, defaults={"source": "folder", "external_id": number, "name": folder}
    )
    made = [
        Track(library=library, path=f"{n:04d}.mp3", signature="1-1", artist="Artist", title=str(n), artist_key="a")
        for n in range(count)
    ]
    return Track.objects.bulk_create(made)


def store_vectors(
    store: VectorStore,
    tracks: Sequence[Track],
    *,
    state: str = GenerationState.LIVE,
    joint: bool = False,
    dimension: int = WIDTH,
) -> Generation:
    """A generation that holds them all, as if a job had embedded them a day ago."""
    made = Generation.objects.open(get_spec("acoustic"), state=state, taken=store.collections())
    Generation.objects.filter(pk=made.pk).update(dimension=dimension, joint_dimension=JOINT if joint else 0)
    made.refresh_from_db()
    store.create(made.collection, dimension, joint_dimension=made.joint_dimension)
    store.upsert(made.collection, [_row(made, number, track) for number, track in enumerate(tracks)])
    yesterday = timezone.now() - DAY
    TrackVector.objects.record(
        [TrackVector(generation=made, track=track, signature=track.signature, stored_at=yesterday) for track in tracks]
    )
    Track.objects.filter(pk__in=[track.pk for track in tracks]).update(changed_at=yesterday - DAY)
    return made


def record_vectors(tracks: Sequence[Track]) -> Generation:
    """A live generation of which the rows say that it holds them all; no store is asked."""
    made = Generation.objects.open(get_spec("acoustic"), state=GenerationState.LIVE)
    TrackVector.objects.record(
        [TrackVector(generation=made, track=track, signature=track.signature) for track in tracks]
    )
    return made


def _row(generation: Generation, number: int, track: Track) -> VectorRow:
    second = random_vectors(1, dimension=JOINT, seed=1000 + number)[0] if generation.joint_dimension else None
    return VectorRow(
        id=str(track.pk),
        name=track.name,
        embedding=random_vectors(1, dimension=generation.dimension, seed=number)[0],
        joint=second,
        offset=1.5,
        model_id=generation.model_id,
        library_id=track.library_id,
        artist_key=track.artist_key,
        album_key=track.album_key,
    )


def lose(tracks: Sequence[Track], *, days: float) -> None:
    """Their files have been gone for so long."""
    since = timezone.now() - days * DAY
    Track.objects.filter(pk__in=[track.pk for track in tracks]).update(missing_since=since, changed_at=since)
