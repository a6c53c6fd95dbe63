"""A checkpoint that cannot be loaded is loaded once, and refused at once for as long as it is the same."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from embeddings import conf
from embeddings.conf import TextConfig
from embeddings.domain import EmbedderSpec
from embeddings.embedders import get_spec
from embeddings.embedders.checkpoints import locate
from embeddings.embedders.trained_files import fingerprint
from embeddings.errors import CheckpointRefused
from embeddings.jobs.towers import Towers
from embeddings.models import Asked
from embeddings.models.prompt import TowerKind
from tests.checkpoints.trained import TEXT_MODEL, trainee, write_trained

LATENT = get_spec("latent")


@pytest.fixture
def towers(tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture) -> Towers:
    """Of a worker whose folder holds a text model with more layers than were trained."""
    caplog.set_level("INFO", "embeddings")
    settings.CHECKPOINTS = {"words": str(tmp_path)}
    settings.DIGESTS_FILE = tmp_path / "digests.json"
    write_trained(tmp_path, trainee("latent", 576))
    change_layers(tmp_path, 3)
    return Towers(config=conf.models(), texts=TextConfig(timeout_seconds=15, queue_url="", checkpoint_dir=tmp_path))


def change_layers(folder: Path, count: int) -> None:
    path = folder / TEXT_MODEL / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": count}))


def read(towers: Towers, spec: EmbedderSpec, checkpoint: str, tower: TowerKind) -> int:
    """Read a prompt; how many numbers it became."""
    asked = Asked(model=spec.key, spec_version=1, checkpoint=checkpoint, prompt="sad", tower=tower)
    with towers.reading(spec, asked) as found:
        return len(found.encode("sad"))


def read_latent(towers: Towers, folder: Path) -> int:
    return read(towers, LATENT, fingerprint(folder, "latent"), "trained")


def loaded(caplog: pytest.LogCaptureFixture) -> int:
    return sum(message.startswith("loading a ") for message in caplog.messages)


def test_what_cannot_be_loaded_is_loaded_once(towers: Towers, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    towers.load(LATENT, "trained")
    for _ in range(3):
        with pytest.raises(CheckpointRefused, match=r"missing: layers\.2"):
            read_latent(towers, tmp_path)
    assert loaded(caplog) == 1


def test_what_was_mended_is_read(towers: Towers, tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused):
        read_latent(towers, tmp_path)
    change_layers(tmp_path, 2)
    assert read_latent(towers, tmp_path) == 576


def test_what_was_written_again_is_looked_at_again(
    towers: Towers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A fingerprint reads a part of a file, which may be mended in another."""
    for _ in range(2):
        with pytest.raises(CheckpointRefused):
            read_latent(towers, tmp_path)
        os.utime(tmp_path / "latent_best_r1.pt", ns=(1, 1))
    assert loaded(caplog) == 2


def test_a_models_own_tower_that_is_broken_is_loaded_once(
    towers: Towers, words: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "words.json").write_text("{}")
    spec = get_spec("words")
    digest = locate(spec, tmp_path, digests=tmp_path / "digests").digest
    for _ in range(3):
        with pytest.raises(CheckpointRefused, match="holds no seed"):
            read(towers, spec, digest, "own")
    assert loaded(caplog) == 1
