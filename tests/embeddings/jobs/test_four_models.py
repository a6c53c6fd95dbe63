"""One job of all models over real music: what goes wrong with a track costs that track, and that model, alone."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from embeddings.audio.decoders import Decoder
from embeddings.domain import Vector
from embeddings.embedders import SPECS, get_spec
from embeddings.embedders.checkpoints import locate
from embeddings.jobs import control
from embeddings.jobs.progress import progress_of
from embeddings.models import BatchJob, Generation, JobState, Track, TrackFailure
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.starved import STARVED, write_square_wave

pytestmark = pytest.mark.django_db(transaction=True)

NEURAL = ["muq", "mert", "latent"]
LONG_MINUTES = int(os.environ.get("TEST_LONG_MINUTES", "10"))
"""Of the long file: `TEST_LONG_MINUTES=180` takes some minutes."""

Work = Callable[[], None]


@pytest.fixture
def neural(checkpoints: dict[str, Path], tmp_path: Path, settings: Any) -> None:
    """The settings of somebody who has the checkpoints in folders, on a CPU."""
    settings.CHECKPOINTS = {key: str(folder) for key, folder in checkpoints.items()}
    settings.DIGESTS_FILE = tmp_path / "digests.json"
    settings.DEVICE = "cpu"


@pytest.fixture
def starved() -> Iterator[None]:
    """A MERT that runs out of memory at the square wave."""
    before, SPECS["mert"] = SPECS["mert"], STARVED
    yield
    SPECS["mert"] = before


@pytest.fixture
def troubled(tmp_path: Path, settings: Any, few: Path) -> Path:
    """Two good tracks, one that is no music, one that MERT has no memory for, and a long one."""
    folder = tmp_path / "troubled"
    folder.mkdir()
    good = sorted(few.rglob("*.*"))[:2]
    for song in good:
        song.rename(folder / f"good {song.name}")
    (folder / "corrupt.flac").write_bytes(b"fLaC" + bytes(range(256)) * 400)
    write_square_wave(folder / "square.wav", seconds=61)
    (folder / "long.mp3").write_bytes(long_mp3(folder / f"good {good[0].name}"))
    settings.MUSIC = str(folder)
    return folder


def run(work: Work, models: list[str]) -> BatchJob:
    job = control.start_job(models=models)
    work()
    job.refresh_from_db()
    return job


def vectors_of(store: VectorStore, key: str) -> dict[str, Vector]:
    return store.fetch(get_spec(key).alias, [str(pk) for pk in Track.objects.values_list("pk", flat=True)])


def test_four_models_embed_a_library_in_one_job(
    few: Path, neural: None, work: Work, store: VectorStore, settings: Any
) -> None:
    settings.MODELS = [*NEURAL, "acoustic"]
    job = run(work, [])
    assert (job.state, job.message) == (JobState.COMPLETED, "")
    operations = progress_of(job).operations
    assert (operations.total, operations.done, operations.failed) == (32, 32, 0)
    for key in settings.MODELS:
        vectors = np.stack(list(vectors_of(store, key).values()))
        assert vectors.shape == (store.count(get_spec(key).alias), get_spec(key).dimension) == (8, vectors.shape[1])
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
        assert np.linalg.matrix_rank(vectors) == 8
    joints = store.fetch(get_spec("muq").alias, list(vectors_of(store, "muq")), field="joint")
    assert {joint.shape for joint in joints.values()} == {(512,)}
    assert len(joints) == 8


def test_generations_tell_with_what_they_were_computed(
    few: Path, neural: None, work: Work, store: VectorStore, checkpoints: dict[str, Path], settings: Any
) -> None:
    for song in sorted(few.rglob("*.*"))[1:]:
        song.unlink()
    run(work, [*NEURAL, "acoustic"])
    told = {generation.model: generation for generation in Generation.objects.all()}
    for key in NEURAL:
        checkpoint = locate(get_spec(key), checkpoints[key], digests=settings.DIGESTS_FILE)
        assert told[key].checkpoint == checkpoint.digest
        assert told[key].precision == "float32"
        assert all(name in told[key].packages for name in get_spec(key).packages)
    assert (told["acoustic"].checkpoint, told["acoustic"].packages) == ("", "")


def test_a_bad_library_costs_exactly_what_is_bad_in_it(
    troubled: Path, neural: None, starved: None, work: Work, store: VectorStore
) -> None:
    job = run(work, NEURAL)
    assert job.state == JobState.COMPLETED_WITH_ERRORS
    failures = TrackFailure.objects.values_list("track__path", "model", "code")
    corrupt = [("corrupt.flac", key, "audio_unreadable") for key in NEURAL]
    # Somebody else may have held that memory, so that it was tried twice.
    assert sorted(failures) == sorted([*corrupt, *[("square.wav", "mert", "out_of_memory")] * 2])
    operations = progress_of(job).operations
    assert (operations.total, operations.done, operations.failed) == (15, 11, 4)
    assert {key: store.count(get_spec(key).alias) for key in NEURAL} == {"muq": 4, "mert": 3, "latent": 4}


def long_mp3(song: Path) -> bytes:
    """The song again and again, as an MP3 of one channel: its frames may be put one after the other."""
    with (
        Decoder(max_seconds=60, stall_seconds=60, memory_mb=1024) as decoder,
        decoder.decode(str(song.parent), song.name, rate=22_050, channels=1) as decoding,
    ):
        samples = np.concatenate(list(decoding))[: 20 * 22_050]
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=22_050, bit_rate=32_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = 22_050
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue() * (3 * LONG_MINUTES)
