"""Windows of MuQ-MuLan put together from shared clips are those that its package hears one by one in real music."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embeddings.audio.clips import cut_clips
from embeddings.audio.windows import cut_sliding
from embeddings.domain import Precision, Samples, Window
from embeddings.embedders import get_spec
from embeddings.embedders.muq import MuqEmbedder, rows_of_windows
from tests.checkpoints.muq import write_muq
from tests.embeddings.embedders.muq_package_model import package_model, runtime_of

SPEC = get_spec("muq")
LENGTHS = (3, 29, 119, 121, 240)

Told = Callable[[int], NDArray[np.float32]]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """More make a model of this size slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("muq")
    write_muq(made, full=False)
    return made


@pytest.fixture(scope="module")
def muq(folder: Path) -> Iterator[MuqEmbedder]:
    embedder = MuqEmbedder(runtime_of(folder))
    yield embedder
    embedder.close()


@pytest.fixture(scope="module")
def package(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return package_model(folder, tmp_path_factory.mktemp("towers"))


@pytest.fixture(scope="module")
def music(heard: dict[str, Samples]) -> Samples:
    """Eleven minutes: the sample's tracks, one after the other."""
    return np.concatenate(list(heard.values()))


@pytest.fixture(scope="module")
def told(package: Any, music: Samples) -> Told:
    """What the package hears in each window of so many seconds of music: [windows, dimension]."""

    @cache
    def hear(seconds: int) -> NDArray[np.float32]:
        windows = [torch.from_numpy(window.samples) for window in cut_sliding([excerpt(music, seconds)], SPEC)]
        return torch.cat([package(wavs=window[None]) for window in windows]).numpy()

    return hear


def excerpt(music: Samples, seconds: float) -> Samples:
    return music[100 * SPEC.sample_rate :][: round(seconds * SPEC.sample_rate)]


def latents_of(muq: MuqEmbedder, clips: list[Window]) -> torch.Tensor:
    """[clips, dimension]; all of them are of one length, as only a track of one clip is shorter than that."""
    features = muq.embed_windows(clips)
    return torch.stack([feature for feature in features if isinstance(feature, torch.Tensor)])


@pytest.mark.parametrize("seconds", LENGTHS)
def test_windows_of_shared_clips_are_those_of_the_package(
    seconds: int, muq: MuqEmbedder, told: Told, music: Samples
) -> None:
    clips = list(cut_clips([excerpt(music, seconds)], SPEC))
    latents = latents_of(muq, clips).numpy()
    windows = latents[np.array(rows_of_windows([clip.span for clip in clips], SPEC))].mean(axis=1)
    assert windows.shape == told(seconds).shape
    assert np.abs(windows - told(seconds)).max() < 1e-5


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_track_is_the_mean_spread_and_trend_of_its_windows(
    seconds: int, muq: MuqEmbedder, told: Told, music: Samples
) -> None:
    clips = list(cut_clips([excerpt(music, seconds)], SPEC))
    vector = muq.pool([clip.span for clip in clips], list(latents_of(muq, clips))).vector
    windows = told(seconds)
    low, high = np.quantile(windows, [0.25, 0.75], axis=0)
    trend = (windows[-1] - windows[0]) / max(1, len(windows) - 1)
    expected = np.concatenate([windows.mean(axis=0), (high - low) / 1.3489795003921634, trend])
    assert np.abs(vector - expected / np.linalg.norm(expected)).max() < 1e-5


def test_the_joint_vector_is_the_direction_of_the_mean_of_distinct_clips(muq: MuqEmbedder, music: Samples) -> None:
    clips = list(cut_clips([excerpt(music, 240)], SPEC))
    latents = latents_of(muq, clips)
    joint = muq.pool([clip.span for clip in clips], list(latents)).joint
    mean = latents.mean(dim=0).numpy()
    assert joint is not None
    assert np.abs(joint - mean / np.linalg.norm(mean)).max() < 1e-6


def test_the_order_of_clips_does_not_matter(muq: MuqEmbedder, music: Samples) -> None:
    clips = list(cut_clips([excerpt(music, 200)], SPEC))
    pairs = list(zip([clip.span for clip in clips], latents_of(muq, clips), strict=True))
    shuffled = random.Random(5).sample(pairs, len(pairs))
    first, second = (muq.pool([span for span, _ in some], [row for _, row in some]) for some in (pairs, shuffled))
    assert np.abs(first.vector - second.vector).max() < 1e-6


def test_a_clip_does_not_depend_on_its_batch(muq: MuqEmbedder, music: Samples) -> None:
    clips = list(cut_clips([excerpt(music, 120)], SPEC))
    assert torch.allclose(latents_of(muq, clips[:7])[3], latents_of(muq, clips[3:4])[0], atol=1e-6)


def test_different_music_has_different_vectors(muq: MuqEmbedder, heard: dict[str, Samples]) -> None:
    clips = [next(cut_clips([samples], SPEC)) for samples in heard.values()]
    latents = latents_of(muq, clips)
    cosines = latents @ latents.T - torch.eye(len(clips))
    assert cosines.max() < 0.9999


def test_the_spectrogram_stays_exact_in_bfloat16(folder: Path, music: Samples) -> None:
    clips = list(cut_clips([excerpt(music, 30)], SPEC))

    def heard_in(precision: Precision) -> tuple[torch.Tensor, torch.Tensor]:
        embedder, spectrograms = MuqEmbedder(replace(runtime_of(folder), precision=precision)), []
        convolution = embedder.model.get_submodule("audio.model.model.conv")
        convolution.register_forward_pre_hook(lambda _part, args: spectrograms.append(args[0]))
        return latents_of(embedder, clips), spectrograms[0]

    (exact, exact_spectrogram), (coarse, spectrogram) = heard_in("float32"), heard_in("bfloat16")
    assert torch.equal(spectrogram, exact_spectrogram)
    assert torch.cosine_similarity(coarse, exact).min() > 0.9995
    assert not torch.equal(coarse, exact)


def test_loading_leaves_random_generators_alone(folder: Path) -> None:
    torch.manual_seed(9)
    random.seed(9)
    before = torch.get_rng_state(), random.getstate()
    MuqEmbedder(runtime_of(folder))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_only_the_audio_half_is_held(muq: MuqEmbedder, package: Any) -> None:
    names = {f"mulan.{name}" for name in muq.model.state_dict()}
    assert names == {name for name in package.state_dict() if name.startswith("mulan.audio")}
