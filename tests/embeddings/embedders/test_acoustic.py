import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.domain import Samples
from embeddings.embedders import get_spec
from embeddings.embedders.acoustic import AcousticEmbedder
from embeddings.errors import VectorInvalid
from tests.embeddings.embedders.listening import embed, features_of

RATE = 24_000


def noise(seconds: float, seed: int = 0) -> Samples:
    return 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE)).astype(np.float32)


def tone(seconds: float, hz: float = 440.0) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def test_vectors_have_unit_length_and_the_dimension_of_the_spec(originals: NDArray[np.float32]) -> None:
    assert originals.shape == (23, get_spec("acoustic").dimension)
    assert originals.dtype == np.float32
    assert np.linalg.norm(originals, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("gain_db", [-30, -12, 6])
def test_gain_does_not_change_the_vector(acoustic: AcousticEmbedder, heard: dict[str, Samples], gain_db: int) -> None:
    samples = next(iter(heard.values()))
    louder = samples * np.float32(10 ** (gain_db / 20))
    assert embed(acoustic, samples) @ embed(acoustic, louder) > 0.99999


def test_a_window_does_not_depend_on_its_batch(acoustic: AcousticEmbedder, heard: dict[str, Samples]) -> None:
    windows = [samples[: 10 * RATE] for samples in heard.values()][:6]
    together = features_of(acoustic, *windows, noise(3.0))
    alone = np.concatenate([features_of(acoustic, window) for window in windows])
    assert np.array_equal(together[:6], alone)


@pytest.mark.parametrize(
    "samples",
    [noise(0.0), noise(1 / RATE), noise(0.01), noise(0.3), tone(2.0), noise(13.7), np.ones(RATE, np.float32)],
    ids=["empty", "one sample", "10 ms", "0.3 s", "tone", "odd length", "constant"],
)
def test_features_of_odd_windows_are_finite(acoustic: AcousticEmbedder, samples: Samples) -> None:
    assert np.isfinite(features_of(acoustic, samples)).all()


@pytest.mark.parametrize("samples", [noise(1.0), tone(1.0), tone(40.0), noise(13.7)])
def test_whatever_sounds_has_a_vector(acoustic: AcousticEmbedder, samples: Samples) -> None:
    assert np.linalg.norm(embed(acoustic, samples)) == pytest.approx(1, abs=1e-5)


def test_damaged_samples_do_not_spread(acoustic: AcousticEmbedder) -> None:
    damaged = noise(10.0)
    damaged[5000] = np.nan
    damaged[6000] = np.inf
    assert embed(acoustic, damaged) @ embed(acoustic, noise(10.0)) > 0.99


def test_silence_has_no_vector(acoustic: AcousticEmbedder) -> None:
    with pytest.raises(VectorInvalid):
        embed(acoustic, np.zeros(12 * RATE, np.float32))


def test_silent_windows_between_others_change_nothing(acoustic: AcousticEmbedder) -> None:
    features = features_of(acoustic, noise(10.0), np.zeros(10 * RATE, np.float32), noise(10.0, seed=1))
    assert acoustic.pool([], list(features)).vector @ acoustic.pool([], [features[0], features[2]]).vector > 0.99999


def test_features_that_are_not_finite_are_refused(acoustic: AcousticEmbedder) -> None:
    features = features_of(acoustic, noise(10.0))
    features[0, 100] = np.nan
    with pytest.raises(VectorInvalid):
        acoustic.pool([], list(features))
