"""The files, decoders, and for each model what the product and the reference say of every file; computed once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.audio.decoders import Decoder
from embeddings.domain import EmbedderSpec, Embedding
from embeddings.embedders import get_spec, load_embedder
from embeddings.embedders.base import Checkpoint, Embedder, Runtime
from embeddings.jobs.pipeline import Embedded, Pipeline
from tests.checkpoints.fixtures import checkpoints
from tests.golden.music import CASES, decoded, ref, write_cases
from tests.reference import Model, Told, load

__all__ = ["checkpoints"]

DECODING: dict[str, Any] = {"max_seconds": 3600, "stall_seconds": 60, "memory_mb": 1024}
BATCH = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """What the product and the predecessor say of one file."""

    embedding: Embedding
    told: Told


@pytest.fixture(scope="session")
def decoders() -> Iterator[list[Decoder]]:
    made = [Decoder(**DECODING) for _ in range(2)]
    yield made
    for decoder in made:
        decoder.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, decoders: list[Decoder]) -> Path:
    """A folder with one file per case."""
    folder = tmp_path_factory.mktemp("golden")
    write_cases(folder, decoders[0])
    return folder


@pytest.fixture(scope="session")
def model(checkpoints: dict[str, Path]) -> Callable[[str], Embedder]:
    """Loads the product's embedder of a spec."""

    @cache
    def loaded(key: str) -> Embedder:
        spec, folder = get_spec(key), checkpoints[key]
        folders = {files.folder: folder / files.folder for files in spec.checkpoint}
        embedder = load_embedder(spec, Runtime(checkpoint=Checkpoint(folders=folders, digest="of no meaning here")))
        # As a GPU would plan it: a CPU takes the windows of large models one by one.
        vars(embedder)["_batch"] = BATCH
        return embedder

    return loaded


@pytest.fixture(scope="session")
def reference(checkpoints: dict[str, Path]) -> Callable[[str], Model]:
    """Loads the predecessor's way of a spec."""
    return cache(lambda key: load(key, checkpoints[key]))


@pytest.fixture(scope="session")
def heard(
    files: Path,
    decoders: list[Decoder],
    model: Callable[[str], Embedder],
    reference: Callable[[str], Model],
) -> Callable[[str], dict[str, Heard]]:
    """What both say of every file, by its name; side by side, as they take about as long."""

    @cache
    def by_both(key: str) -> dict[str, Heard]:
        with ThreadPoolExecutor(1) as beside:
            told = beside.submit(_told, reference(key), get_spec(key), files)
            pipeline = Pipeline(get_spec(key), model(key), decoders)
            # All in one run, so that windows of different files share batches.
            found = [one for some in pipeline.run(iter([[ref(files, name) for name in CASES]])) for one in some]
            embeddings = {one.track_id: one.embedding for one in found if isinstance(one, Embedded)}
            return {name: Heard(embedding=embeddings[name], told=told.result()[name]) for name in CASES}

    return by_both


def _told(model: Model, spec: EmbedderSpec, files: Path) -> dict[str, Told]:
    # In a thread of its own, as a decoder's child ends with its thread.
    with Decoder(**DECODING) as decoder:
        return {
            name: model(decoded(decoder, files / name, rate=spec.sample_rate, channels=spec.channels)) for name in CASES
        }


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, in parts of the expected vector's norm."""
    return float(np.abs(found - expected).max() / np.linalg.norm(expected))
