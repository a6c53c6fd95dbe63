"""Music2Latent chunk by chunk gives the numbers that its own package gives for the whole of real music."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embeddings.audio.chunks import cut_chunks
from embeddings.audio.decoders import Decoder
from embeddings.domain import Embedding, Samples, Window
from embeddings.embedders.base import Checkpoint, Runtime
from embeddings.embedders.music2latent import Music2LatentEmbedder
from embeddings.errors import VectorInvalid
from tests.checkpoints.latent import hyperparameters, write_latent
from tests.embeddings.embedders.listening import sample_tracks

RATE = 44_100
CHUNK = 856 * 512
EXACT = CHUNK + 1536
"""Samples of exactly one chunk of frames."""

Encode = Callable[[Samples], NDArray[np.float32]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("latent")
    write_latent(made, full=False)
    return made


@pytest.fixture(scope="module")
def latent(folder: Path) -> Iterator[Music2LatentEmbedder]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    embedder = Music2LatentEmbedder(Runtime(checkpoint=Checkpoint(folders={"": folder}, digest="")))
    yield embedder
    embedder.close()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def encode(folder: Path) -> Iterator[Encode]:
    """The package's own `EncoderDecoder.encode` of a whole file: [n, 2] -> [2, 64, T].

    Its constructor would download a checkpoint. It may also compute in float16, which nothing may be compared with.
    """
    from music2latent import EncoderDecoder, inference, models

    with hyperparameters(json.loads((folder / "hparams.json").read_text())):
        network = models.UNet()
    network.load_state_dict(torch.load(folder / "music2latent.pt")["gen_state_dict"])
    package = EncoderDecoder.__new__(EncoderDecoder)
    package.gen, package.device = network, torch.device("cpu")
    mixed, inference.mixed_precision = inference.mixed_precision, False
    yield lambda samples: package.encode(np.ascontiguousarray(samples.T), max_waveform_length=441_000).numpy()
    inference.mixed_precision = mixed


@pytest.fixture(scope="module")
def music() -> Samples:
    """[n, 2]: 29 seconds of the sample, of two tracks, in stereo."""
    with Decoder(max_seconds=120.0, stall_seconds=60.0, memory_mb=1024) as decoder:
        heard = []
        for path in sample_tracks()[:2]:
            with decoder.decode(str(path.parent), path.name, rate=RATE, channels=2) as decoding:
                heard += list(decoding)
    return np.concatenate(heard)[5 * RATE : 34 * RATE]


def reference_rows(latents: NDArray[np.float32]) -> NDArray[np.float64]:
    """[192, T] of [2, 64, T]: channels of both sides in turn, then magnitudes."""
    left, right = latents.astype(np.float64)
    turns = [side[channel] for channel in range(64) for side in (left, right)]
    return np.concatenate([turns, np.sqrt(left**2 + right**2 + 1e-12)])


def reference_vector(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """[576]: mean, robust spread and mean difference over all of the track, of unit length together."""
    spread = (np.quantile(rows, 0.75, axis=1) - np.quantile(rows, 0.25, axis=1)) / 1.3489795003921634
    trend = np.diff(rows, axis=1).mean(axis=1) if rows.shape[1] > 1 else np.zeros(len(rows))
    vector = np.concatenate([rows.mean(axis=1), spread, trend])
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def streamed(samples: Samples) -> Iterator[Samples]:
    return (samples[start : start + 50_001] for start in range(0, len(samples), 50_001))


def features_of(embedder: Music2LatentEmbedder, windows: Sequence[Window]) -> list[torch.Tensor]:
    found = [feature for window in windows for feature in embedder.embed_windows([window])]
    return [feature for feature in found if isinstance(feature, torch.Tensor)]


def embed(embedder: Music2LatentEmbedder, samples: Samples) -> tuple[NDArray[np.float32], Embedding]:
    """[192, T] and the embedding of a track that arrives in blocks."""
    windows = list(cut_chunks(streamed(samples), embedder.spec))
    features = features_of(embedder, windows)
    return torch.cat(features, dim=1).numpy(), embedder.pool([window.span for window in windows], features)


def distance(got: NDArray[np.float32], wanted: NDArray[np.float64]) -> float:
    """Of the norm."""
    assert got.shape == wanted.shape
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


LENGTHS = {
    "the shortest": 5632,
    "1 s": RATE,
    "3 s": 3 * RATE,
    "9.97 s": 439_677,
    "one chunk, a sample less": EXACT - 1,
    "one chunk": EXACT,
    "one chunk and a sample": EXACT + 1,
    "one chunk and a latent": EXACT + 4096,
    "29 s": 29 * RATE,
    "two chunks, a sample less": CHUNK + EXACT - 1,
    "two chunks": CHUNK + EXACT,
    "two chunks and a sample": CHUNK + EXACT + 1,
}


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS.keys())
def test_a_streamed_track_is_what_the_package_makes_of_the_whole(
    latent: Music2LatentEmbedder, encode: Encode, music: Samples, length: int
) -> None:
    track = music[-length:]
    rows, embedding = embed(latent, track)
    wanted = reference_rows(encode(track))
    assert distance(rows, wanted) < 1e-5
    assert distance(embedding.vector, reference_vector(wanted)) < 1e-5


def test_mono_is_two_equal_channels(latent: Music2LatentEmbedder, encode: Encode, music: Samples) -> None:
    track = np.repeat(music[: 12 * RATE, :1], 2, axis=1)
    rows, _ = embed(latent, track)
    assert np.array_equal(rows[0:128:2], rows[1:128:2])
    assert distance(rows, reference_rows(encode(track))) < 1e-5


def test_left_and_right_are_heard_apart(latent: Music2LatentEmbedder, music: Samples) -> None:
    straight, _ = embed(latent, music[: 2 * RATE])
    crossed, _ = embed(latent, music[: 2 * RATE, ::-1])
    assert np.array_equal(straight[0:128:2], crossed[1:128:2])
    assert np.array_equal(straight[128:], crossed[128:])
    assert not np.allclose(straight[0:128:2], straight[1:128:2], atol=0.1)


def test_a_vector_has_the_dimension_of_its_spec(latent: Music2LatentEmbedder, music: Samples) -> None:
    _, embedding = embed(latent, music[: 2 * RATE])
    assert embedding.vector.shape == (latent.spec.dimension,)
    assert embedding.vector.dtype == np.float32
    assert np.linalg.norm(embedding.vector) == pytest.approx(1)
    assert embedding.joint is None


def test_a_window_does_not_depend_on_its_batch(latent: Music2LatentEmbedder, music: Samples) -> None:
    lengths = (500_000, 700_000)
    mono = np.repeat(music[:650_000, :1], 2, axis=1)
    # Completed chunks of three tracks: one shape, with seams in different places.
    windows = [list(cut_chunks([track], latent.spec))[-1] for track in (*(music[-n:] for n in lengths), mono)]
    samples = torch.from_numpy(np.stack([window.samples for window in windows]))
    with torch.inference_mode():
        together = latent.compute(samples, windows)
    alone = features_of(latent, windows)
    assert [feature.shape[1] for feature in together] == [14, 63, 51]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_features_are_float32_and_their_own(latent: Music2LatentEmbedder, music: Samples) -> None:
    feature = features_of(latent, list(cut_chunks([music[:RATE]], latent.spec)))[0]
    assert feature.dtype == torch.float32
    # What a longer chunk left in memory is not kept with it.
    assert feature.untyped_storage().nbytes() == feature.nbytes


def test_silence_has_a_vector(latent: Music2LatentEmbedder) -> None:
    _, embedding = embed(latent, np.zeros((RATE, 2), np.float32))
    assert np.isfinite(embedding.vector).all()


def test_what_is_not_finite_is_refused(latent: Music2LatentEmbedder, music: Samples) -> None:
    broken = music[:RATE].copy()
    broken[1000] = np.nan
    with pytest.raises(VectorInvalid):
        embed(latent, broken)
