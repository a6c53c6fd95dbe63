"""Which text checkpoint is there is told by its contents, not by where or since when, and without reading it whole."""

import random
import shutil
from pathlib import Path

import pytest

from embeddings.embedders.trained_files import fingerprint, is_there
from embeddings.errors import CheckpointRefused

SIZE = 20_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    encoder = tmp_path / "here" / "Qwen3-Embedding-4B"
    encoder.mkdir(parents=True)
    (encoder / "config.json").write_text("{}")
    (encoder / "tokenizer.json").write_text("{}")
    (encoder / "README.md").write_text("read me")
    for model in ("mert", "latent"):
        (encoder.parent / f"{model}_best_r1.pt").write_bytes(random.Random(model).randbytes(1000) + bytes(SIZE))
    return encoder.parent


def test_it_is_there_by_its_name(folder: Path) -> None:
    assert is_there(folder, "mert")
    assert not is_there(folder, "muq")
    assert not is_there(None, "mert")
    assert not is_there(folder / "elsewhere", "mert")


def test_a_copy_is_the_same_checkpoint(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "there")
    assert fingerprint(tmp_path / "there", "mert") == fingerprint(folder, "mert")


def test_each_model_has_its_own(folder: Path) -> None:
    shutil.copy(folder / "mert_best_r1.pt", folder / "latent_best_r1.pt")
    assert fingerprint(folder, "mert") != fingerprint(folder, "latent")


@pytest.mark.parametrize("place", [0, SIZE // 2, SIZE - 100])
def test_training_again_is_another_checkpoint(place: int, folder: Path) -> None:
    """Of the same size; what is trained changes everywhere, so a change of a hundredth is plenty."""
    before = fingerprint(folder, "mert")
    with (folder / "mert_best_r1.pt").open("r+b") as file:
        file.seek(place)
        file.write(random.Random(1).randbytes(SIZE // 64))
    assert fingerprint(folder, "mert") != before


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("tokenizer.json", True),
        ("config.json", True),
        ("model.safetensors", True),
        ("model-00001-of-00002.safetensors", True),
        ("README.md", False),
    ],
)
def test_what_is_read_of_the_text_model_counts(name: str, counts: bool, folder: Path) -> None:
    before = fingerprint(folder, "mert")
    (folder / "Qwen3-Embedding-4B" / name).write_text("something else")
    assert (fingerprint(folder, "mert") != before) is counts


def test_what_is_another_models_does_not_count(folder: Path) -> None:
    before = fingerprint(folder, "mert")
    (folder / "latent_best_r1.pt").write_bytes(b"trained again")
    assert fingerprint(folder, "mert") == before


def read_so_far() -> int:
    """Bytes that this process has read."""
    line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar"))
    return int(line.split()[1])


def test_it_reads_little_of_a_file_of_any_size(folder: Path) -> None:
    large = folder / "muq_best_r1.pt"
    with large.open("wb") as file:
        file.truncate(10_000_000_000)
    before = read_so_far()
    assert len(fingerprint(folder, "muq")) == 64
    assert read_so_far() - before < 100_000_000


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"muq_best_r1\.pt cannot be read"):
        fingerprint(folder, "muq")
