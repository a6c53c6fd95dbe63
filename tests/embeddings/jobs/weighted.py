"""A small embedder with a checkpoint of one number and a second vector; a fixture puts it into the table of models."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.domain import Embedding, HubFiles, Span
from embeddings.embedders import SPECS
from embeddings.embedders.base import Features, Runtime
from embeddings.errors import CheckpointRefused
from tests.embeddings.jobs.level import LEVEL, LevelEmbedder

WEIGHTED = replace(
    LEVEL,
    key="weighted",
    loader="tests.embeddings.jobs.weighted:WeightedEmbedder",
    alias="weighted_embedding",
    joint_dimension=2,
    weights_licence="CC BY-NC 4.0",
    checkpoint=(HubFiles(repository="tests/weighted", revision="0" * 40, names=("weights.json",)),),
    packages=("numpy",),
    precisions=("bfloat16", "float32"),
)


class WeightedEmbedder(LevelEmbedder):
    """Weighs brightness by the number in its checkpoint."""

    spec = WEIGHTED
    standing = "cpu, float32, batch 4"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        assert runtime.checkpoint is not None
        path = runtime.checkpoint.folders[""] / "weights.json"
        runtime.report(f"Reading {path.name}")
        weight = json.loads(path.read_text())["brightness"]
        if not isinstance(weight, float):
            raise CheckpointRefused(f"{path} holds no number; copy it again.")
        self.weight = weight
        self.closed = False

    def pool(self, spans: Sequence[Span], features: Sequence[Features]) -> Embedding:
        """The mean over windows, weighed, and its first two numbers as the second vector."""
        mean = np.mean(features, axis=0) * np.asarray([1.0, self.weight, 1.0])
        unit = (mean / np.linalg.norm(mean)).astype(np.float32)
        return Embedding(vector=unit, joint=unit[1:] / np.linalg.norm(unit[1:]))

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def write_weights(folder: Path, brightness: object) -> Path:
    """Write the checkpoint; anything but a float is no weight."""
    folder.mkdir(exist_ok=True)
    (folder / "weights.json").write_text(json.dumps({"brightness": brightness}))
    return folder


@pytest.fixture
def weights(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Its checkpoint's folder, with the model in the table and the setting that names the folder."""
    folder = write_weights(tmp_path / "weights", 2.0)
    settings.CHECKPOINTS = {"weighted": str(folder)}
    settings.DIGESTS_FILE = tmp_path / "digests.json"
    settings.DEVICE = "cpu"
    SPECS["weighted"] = WEIGHTED
    yield folder
    del SPECS["weighted"]
