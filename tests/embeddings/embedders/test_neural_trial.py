"""The second of noise after loading: what it finds, what it does not blame a checkpoint for, and what it leaves."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from embeddings.domain import Window
from embeddings.embedders.base import Checkpoint, Runtime
from embeddings.errors import CheckpointRefused, WorkerUnfit
from tests.embeddings.embedders.small_models import SmallEmbedder


@pytest.fixture
def trying(tmp_path: Path) -> Runtime:
    """With a checkpoint, which is tried right after loading."""
    return Runtime(checkpoint=Checkpoint(folders={"": tmp_path}, digest=""))


def test_a_second_that_does_not_fit_is_not_the_checkpoints_fault(trying: Runtime) -> None:
    class Full(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(WorkerUnfit, match="does not hold a second of sound"):
        Full(trying)


def test_a_device_that_gives_out_is_not_the_checkpoints_fault(trying: Runtime) -> None:
    class Gone(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        Gone(trying)


def test_a_model_that_fails_its_trial_holds_no_weights(trying: Runtime) -> None:
    models: list[torch.nn.Module] = []

    class Mute(SmallEmbedder):
        def compute(self, samples: torch.Tensor, windows: Sequence[Window]) -> Sequence[torch.Tensor]:
            models.append(self.model)
            return samples.mul(0).unbind()

    with pytest.raises(CheckpointRefused, match="nothing but zeros"):
        Mute(trying)
    assert all(parameter.is_meta for parameter in models[0].parameters())
