"""MERT's vectors on real music, against the plainest way to compute them; the weights are random and small."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from embeddings.audio.windows import cut_sliding
from embeddings.domain import Samples, Span, Vector, Window
from embeddings.embedders.base import Checkpoint, Runtime
from embeddings.embedders.mert import MertEmbedder
from embeddings.embedders.projection import project
from embeddings.errors import VectorInvalid

RATE = 24_000


def load(folder: Path) -> MertEmbedder:
    return MertEmbedder(Runtime(checkpoint=Checkpoint(folders={"": folder}, digest="")))


def windows_of(*stretches: Samples) -> list[Window]:
    spans = [Span(start=0, length=len(samples)) for samples in stretches]
    pairs = enumerate(zip(spans, stretches, strict=True))
    return [Window(index=index, rate=RATE, span=span, samples=samples) for index, (span, samples) in pairs]


def features_of(mert: MertEmbedder, windows: Sequence[Window]) -> list[Any]:
    found = [feature for window in windows for feature in mert.embed_windows([window])]
    assert all(isinstance(feature, torch.Tensor) for feature in found)
    return found


def embed(mert: MertEmbedder, samples: Samples) -> Vector:
    windows = list(cut_sliding([samples], mert.spec))
    return mert.pool([window.span for window in windows], features_of(mert, windows)).vector


@pytest.fixture(scope="module")
def mert(checkpoints: dict[str, Path]) -> MertEmbedder:
    return load(checkpoints["mert"])


@pytest.fixture(scope="module")
def music(heard: dict[str, Samples]) -> Samples:
    """Two and a half minutes."""
    return np.concatenate(list(heard.values())[:6])


def naive(folder: Path, samples: Samples) -> NDArray[np.float32]:
    """[3 * 25 * width]: window by window through the feature extractor, states stacked, quantiles by torch."""
    config = json.loads((folder / "config.json").read_text())
    shape = {name: value for name, value in config.items() if name not in {"model_type", "auto_map", "architectures"}}
    model = HubertModel.from_pretrained(folder, config=HubertConfig.from_dict(shape))
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    size, hop = 30 * RATE, 5 * RATE
    starts = list(range(0, max(len(samples) - size, 0) + 1, hop))
    if starts[-1] + size < len(samples):
        starts.append(len(samples) - size)
    columns = []
    for start in starts:
        values = extractor(samples[start : start + size], sampling_rate=RATE, return_tensors="pt").input_values
        with torch.no_grad():
            states = model.eval()(values, output_hidden_states=True).hidden_states
        columns.append(torch.stack(states).squeeze(1).mean(dim=1).reshape(-1))
    return enriched(torch.stack(columns, dim=1))


def enriched(x: torch.Tensor) -> NDArray[np.float32]:
    low, high = torch.quantile(x, 0.25, dim=1), torch.quantile(x, 0.75, dim=1)
    change = x.diff(dim=1).mean(dim=1) if x.shape[1] > 1 else torch.zeros(len(x))
    whole = torch.cat([x.mean(dim=1), (high - low) / 1.3489795003921634, change])
    vector: NDArray[np.float32] = torch.nn.functional.normalize(whole, dim=0).numpy()
    return vector


@pytest.mark.parametrize("seconds", [3, 29, 31, 121])
def test_vector_is_what_the_plainest_way_gives(
    mert: MertEmbedder, checkpoints: dict[str, Path], music: Samples, seconds: int
) -> None:
    samples = music[: seconds * RATE + 17]
    expected = project(naive(checkpoints["mert"], samples), mert.spec.dimension)
    assert np.linalg.norm(embed(mert, samples) - expected) < 1e-4


def test_vector_on_the_device_is_the_one_that_numpy_projects(mert: MertEmbedder, music: Samples) -> None:
    windows = list(cut_sliding([music[: 50 * RATE]], mert.spec))
    features = features_of(mert, windows)
    expected = project(enriched(torch.stack(features, dim=1)), mert.spec.dimension)
    vector = mert.pool([window.span for window in windows], features).vector
    assert vector.shape == (4096,)
    assert np.abs(vector - expected).max() < 1e-6


def test_a_window_does_not_depend_on_its_batch(mert: MertEmbedder, music: Samples) -> None:
    windows = windows_of(*(music[at * RATE : (at + 7) * RATE] for at in (0, 20, 40, 60)))
    together = mert.compute(torch.from_numpy(np.stack([window.samples for window in windows])), windows)
    alone = features_of(mert, windows)
    for one, other in zip(together, alone, strict=True):
        assert float((one - other).norm() / other.norm()) < 1e-5


def test_a_track_of_one_window_has_neither_spread_nor_change(mert: MertEmbedder, music: Samples) -> None:
    (feature,) = features_of(mert, windows_of(music[: 3 * RATE]))
    whole = torch.cat([feature, torch.zeros(2 * len(feature))]).numpy()
    vector = mert.pool([Span(start=0, length=3 * RATE)], [feature]).vector
    assert np.abs(vector - project(whole, mert.spec.dimension)).max() < 1e-6


@pytest.mark.parametrize("normalise", [True, False])
def test_windows_are_normalised_where_the_checkpoint_says_so(
    checkpoints: dict[str, Path], music: Samples, tmp_path: Path, normalise: bool
) -> None:
    for path in checkpoints["mert"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": normalise, "sampling_rate": RATE}))
    loud = music[: 5 * RATE]
    features = features_of(load(tmp_path), windows_of(loud, loud / np.float32(1000)))
    alike = float(torch.nn.functional.cosine_similarity(features[0], features[1], dim=0))
    assert (alike > 0.9999) is normalise


def test_features_that_are_not_finite_have_no_vector(mert: MertEmbedder, music: Samples) -> None:
    (feature,) = features_of(mert, windows_of(music[: 3 * RATE]))
    broken = feature.clone()
    broken[100] = torch.nan
    with pytest.raises(VectorInvalid):
        mert.pool([Span(start=0, length=3 * RATE)], [broken])
