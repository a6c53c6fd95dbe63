"""The few lines that only a GPU executes; skipped where there is none."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from embeddings.domain import Precision, Window
from embeddings.embedders.base import Runtime
from embeddings.embedders.neural.device import best_precision, can_compute, limit_memory, resolve_device, title
from embeddings.embedders.neural.placing import place
from embeddings.errors import Refused, WorkerUnfit
from tests.embeddings.embedders.small_models import SPEC, SmallEmbedder, stacked, window

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

GPU = "cuda:0"
TRACKS = [[window(100 * track + index) for index in range(8)] for track in range(20)]
WIDE = replace(SPEC, window_megabytes=0.0)


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    yield
    limit_memory(GPU, 0.0)


def test_a_gpu_is_found_and_named() -> None:
    assert resolve_device("auto") == resolve_device("cuda") == GPU
    assert torch.cuda.get_device_name(0) in title(GPU)
    assert best_precision(SPEC, GPU) in {"bfloat16", "float32"}


def test_a_gpu_beyond_the_last_is_refused() -> None:
    with pytest.raises(Refused):
        resolve_device("cuda:99")


def test_features_stay_on_the_gpu_and_are_those_of_the_cpu() -> None:
    found = stacked(SmallEmbedder(Runtime(device=GPU), WIDE).embed_windows(TRACKS[0]))
    assert found.is_cuda
    expected = stacked(SmallEmbedder(spec=WIDE).embed_windows(TRACKS[0]))
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-5)


def test_tracks_folded_beside_later_batches_are_those_of_the_cpu() -> None:
    embedder, host = SmallEmbedder(Runtime(device=GPU), WIDE), SmallEmbedder(spec=WIDE)
    with ThreadPoolExecutor(1) as beside:
        folding = [
            beside.submit(embedder.pool, [each.span for each in track], embedder.embed_windows(track))
            for track in TRACKS
        ]
        vectors = [fold.result().vector for fold in folding]
    expected = [host.pool([each.span for each in track], host.embed_windows(track)).vector for track in TRACKS]
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_lesser_precisions_are_proven(precision: Precision) -> None:
    if not can_compute(precision, GPU):
        pytest.skip("this GPU cannot")
    embedder = SmallEmbedder(Runtime(device=GPU, precision=precision), WIDE)
    assert stacked(embedder.embed_windows(TRACKS[0])).dtype == torch.float32
    assert embedder.sizes == [8, 1, 1, 1]


def test_a_budget_makes_batches_smaller() -> None:
    assert SmallEmbedder(Runtime(device=GPU, memory_gb=0.5)).batch_windows == 4


def test_weights_beyond_the_budget_are_refused() -> None:
    with pytest.raises(WorkerUnfit, match="MAX_GPU_MEMORY_GB"):
        SmallEmbedder(Runtime(device=GPU, memory_gb=1e-6))


def test_weights_that_did_not_fit_leave_nothing_behind() -> None:
    large = torch.nn.Linear(20_000, 20_000)
    held = torch.cuda.memory_reserved()
    with pytest.raises(WorkerUnfit):
        place(SPEC, large, Runtime(device=GPU, memory_gb=1.0))
    assert torch.cuda.memory_reserved() == held
    assert torch.zeros(400_000_000, device=GPU).is_cuda  # 1.6 GB: the limit is lifted


def test_memory_beyond_the_limit_halves_the_batch() -> None:
    class Filling(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            filled = torch.zeros(len(samples) * 100_000_000, dtype=torch.uint8, device=samples.device)
            return [row + filled[0] for row in super().compute(samples, windows)]

    embedder = Filling(Runtime(device=GPU, memory_gb=0.5), WIDE)
    assert len(stacked(embedder.embed_windows(TRACKS[0]))) == 8
    assert embedder.batch_windows == 4


def test_a_closed_embedder_gives_its_memory_back() -> None:
    embedder = SmallEmbedder(Runtime(device=GPU), WIDE)
    embedder.model.register_buffer("large", torch.zeros(50_000_000, device=GPU))
    held = torch.cuda.memory_allocated()
    embedder.close()
    assert held - torch.cuda.memory_allocated() >= 200_000_000
