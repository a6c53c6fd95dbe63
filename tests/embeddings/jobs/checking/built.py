"""A generation with the real vectors of the sample, filled at once: what examinations look at."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from embeddings import conf
from embeddings.audio.decoders import Decoder
from embeddings.domain import Embedding, Samples, TrackRef, VectorRow
from embeddings.embedders import get_spec, load_embedder
from embeddings.embedders.base import Runtime
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.pipeline import Embedded, Pipeline
from embeddings.jobs.resident import Resident
from embeddings.jobs.verifying import examine
from embeddings.library.folder import FolderSource
from embeddings.library.sync import sync
from embeddings.models import Generation, GenerationState, Track, TrackVector, Verification
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.conftest import SAMPLE

SPEC = get_spec("acoustic")


@dataclass(slots=True, kw_only=True)
class Built:
    """A generation of the sample that is being built, and what examines it."""

    generation: Generation
    store: VectorStore
    decoders: list[Decoder]
    config: conf.VerificationConfig

    @property
    def ids(self) -> list[str]:
        """Ids of its tracks, in order of their paths."""
        return [str(pk) for pk in Track.objects.order_by("path").values_list("pk", flat=True)]

    def resident(self) -> Resident:
        """What a worker lends."""
        return Resident(store=self.store, decoders=self.decoders, config=conf.models(), bulletin=Bulletin("a"))

    def examine(self, **options: Callable[..., Any]) -> Verification:
        """Examine it."""
        made = examine(self.generation, store=self.store, resident=self.resident(), config=self.config, **options)
        self.generation.refresh_from_db()
        return made

    def vector(self, track_id: str) -> Samples:
        """What is stored of a track."""
        return self.store.fetch(self.generation.collection, [track_id])[track_id]

    def put(self, track_id: str, vector: Samples) -> None:
        """Store a vector, whatever was stored of the track."""
        self.store.upsert(self.generation.collection, [row_of(track_id, vector)])


def row_of(track_id: str, vector: Samples) -> VectorRow:
    """What the store keeps of a track."""
    fields = {"name": "", "offset": 0.0, "model_id": "acoustic@1", "library_id": 1, "artist_key": "", "album_key": ""}
    return VectorRow(id=track_id, embedding=vector, **fields)  # type: ignore[arg-type]


def fill(generation: Generation, store: VectorStore, embeddings: dict[str, Embedding]) -> None:
    """Store the vectors of the whole catalogue, by path, and record them."""
    store.create(generation.collection, generation.dimension)
    tracks = list(Track.objects.all())
    store.upsert(generation.collection, [row_of(str(one.pk), embeddings[one.path].vector) for one in tracks])
    TrackVector.objects.record(
        [TrackVector(generation=generation, track=one, signature=one.signature) for one in tracks]
    )


def failed(made: Verification) -> set[str]:
    """Names of the checks that it did not pass."""
    return {check["name"] for check in made.failed_checks}


def sentence(made: Verification, name: str) -> str:
    """What a check said."""
    return next(str(check["sentence"]) for check in made.checks if check["name"] == name)


def refs() -> Iterator[Sequence[TrackRef]]:
    """Every track of the sample, without a catalogue."""
    blank = TrackRef(id="", root=str(SAMPLE), path="", name="", library_id=1, artist_key="", album_key="", signature="")
    paths = [path.relative_to(SAMPLE).as_posix() for path in SAMPLE.rglob("*") if path.suffix not in {".md", ""}]
    yield [replace(blank, id=path, path=path) for path in paths]


@pytest.fixture(scope="session")
def listeners() -> Iterator[list[Decoder]]:
    """Two decoders for all examinations."""
    made = [Decoder(max_seconds=3600, stall_seconds=30, memory_mb=1024) for _ in range(2)]
    yield made
    for decoder in made:
        decoder.close()


@pytest.fixture(scope="session")
def embeddings(listeners: list[Decoder]) -> dict[str, Embedding]:
    """The sample by path, embedded once."""
    embedder = load_embedder(SPEC, Runtime())
    outcomes = [one for some in Pipeline(SPEC, embedder, listeners).run(refs()) for one in some]
    return {one.track_id: one.embedding for one in outcomes if isinstance(one, Embedded)}


def build(
    store: VectorStore, listeners: list[Decoder], embeddings: dict[str, Embedding], *, music: Path = SAMPLE
) -> Built:
    """Fill a generation with a folder's music in a store; two tracks of it are embedded again."""
    sync(FolderSource(music))
    generation = Generation.objects.open(SPEC, state=GenerationState.BUILDING)
    # Tests share a store, and each fills its own collection.
    Generation.objects.filter(pk=generation.pk).update(collection=f"examined_{uuid4().hex[:12]}")
    generation.refresh_from_db()
    fill(generation, store, embeddings)
    config = replace(conf.verification(), sample=2)
    return Built(generation=generation, store=store, decoders=listeners, config=config)


@pytest.fixture
def built(db: None, store: VectorStore, listeners: list[Decoder], embeddings: dict[str, Embedding]) -> Iterator[Built]:
    """The sample in Milvus."""
    found = build(store, listeners, embeddings)
    yield found
    store.drop(found.generation.collection)


@pytest.fixture
def small(db: None, few: Path, listeners: list[Decoder], embeddings: dict[str, Embedding]) -> Built:
    """Eight tracks in memory, whose files are the test's own."""
    return build(MemoryStore(), listeners, embeddings, music=few)
