"""Checkpoints in local folders: which files count, what they are called together, and what is refused."""

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from embeddings.embedders import get_spec
from embeddings.embedders.checkpoints import locate, state_of
from embeddings.embedders.checkpoints.files import find_file
from embeddings.embedders.neural.weights import find_weights
from embeddings.errors import CheckpointRefused

MUQ = get_spec("muq")
LATENT = get_spec("latent")
NAMES = [f"{files.folder}/{name}".lstrip("/") for files in MUQ.checkpoint for name in files.names]


@pytest.fixture
def muq(tmp_path: Path) -> Path:
    """A folder in the layout of a local checkpoint."""
    for name in NAMES:
        path = tmp_path / "muq" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the contents of {name}")
    return tmp_path / "muq"


@pytest.fixture
def latent(tmp_path: Path) -> Path:
    (tmp_path / "latent").mkdir()
    (tmp_path / "latent" / "music2latent.pt").write_text("weights")
    return tmp_path / "latent"


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    return tmp_path / "var" / "checkpoints.json"


def test_folders_are_found_by_the_spec_s_names(muq: Path, digests: Path) -> None:
    found = locate(MUQ, muq, digests=digests).folders
    assert found == {name: muq / name for name in ("", "MuQ-large-msd-iter", "xlm-roberta-base")}


def test_a_copy_elsewhere_is_the_same_checkpoint(muq: Path, digests: Path, tmp_path: Path) -> None:
    shutil.copytree(muq, tmp_path / "elsewhere")
    assert locate(MUQ, muq, digests=digests).digest == locate(MUQ, tmp_path / "elsewhere", digests=digests).digest


@pytest.mark.parametrize("name", NAMES)
def test_every_file_belongs_to_the_identity(muq: Path, digests: Path, name: str) -> None:
    before = locate(MUQ, muq, digests=digests).digest
    (muq / name).write_text("other contents")
    assert locate(MUQ, muq, digests=digests).digest != before


def test_files_that_no_model_reads_do_not_belong_to_the_identity(muq: Path, digests: Path) -> None:
    before = locate(MUQ, muq, digests=digests).digest
    (muq / "README.md").write_text("hello")
    assert locate(MUQ, muq, digests=digests).digest == before


def test_contents_swapped_between_two_files_are_another_checkpoint(muq: Path, digests: Path) -> None:
    before = locate(MUQ, muq, digests=digests).digest
    ours, theirs = (muq / part / "config.json" for part in ("MuQ-large-msd-iter", "xlm-roberta-base"))
    swapped = ours.read_text(), theirs.read_text()
    theirs.write_text(swapped[0])
    ours.write_text(swapped[1])
    assert locate(MUQ, muq, digests=digests).digest != before


def test_hyperparameters_beside_music2latent_belong_to_its_identity(latent: Path, digests: Path) -> None:
    before = locate(LATENT, latent, digests=digests).digest
    (latent / "hparams.json").write_text("{}")
    assert locate(LATENT, latent, digests=digests).digest != before


@pytest.mark.parametrize("name", ["model.safetensors", "music2latent.safetensors"])
def test_safetensors_stand_in_for_music2latent_s_weights(latent: Path, digests: Path, name: str) -> None:
    before = locate(LATENT, latent, digests=digests).digest
    (latent / "music2latent.pt").rename(latent / name)
    assert locate(LATENT, latent, digests=digests).digest == before


@pytest.mark.parametrize("others", [[], ["model.safetensors"]])
def test_the_weights_that_are_read_are_those_that_are_digested(muq: Path, others: list[str]) -> None:
    for name in others:
        (muq / name).write_text("weights")
    assert find_weights(muq, ["pytorch_model.bin"]) == find_file(muq, "pytorch_model.bin")


def test_missing_files_are_listed(muq: Path, digests: Path) -> None:
    (muq / "pytorch_model.bin").unlink()
    (muq / "xlm-roberta-base" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointRefused, match=r"^MUQ_CHECKPOINT=\S+ lacks pytorch_model.bin, xlm-roberta-base/tok"):
        locate(MUQ, muq, digests=digests)


def test_a_folder_that_does_not_exist_is_refused(digests: Path) -> None:
    with pytest.raises(CheckpointRefused, match="MUQ_CHECKPOINT is no folder: /nowhere"):
        locate(MUQ, Path("/nowhere"), digests=digests)


def test_empty_weights_are_refused(muq: Path, digests: Path) -> None:
    (muq / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointRefused, match=r"muq/pytorch_model.bin is empty"):
        locate(MUQ, muq, digests=digests)


def test_git_s_pointer_to_a_large_file_is_refused(muq: Path, digests: Path) -> None:
    (muq / "pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2\n")
    with pytest.raises(CheckpointRefused, match="git lfs pull"):
        locate(MUQ, muq, digests=digests)


@pytest.fixture
def nobody(muq: Path) -> Iterator[None]:
    """Be a user who may not look into the folder; root may look everywhere."""
    muq.chmod(0o000)
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield
    muq.chmod(0o700)


def test_a_folder_of_somebody_else_is_refused(muq: Path, digests: Path, nobody: None) -> None:
    with pytest.raises(CheckpointRefused, match=r"cannot be read for muq \(Permission denied\)"):
        locate(MUQ, muq, digests=digests)
    assert "Permission denied" in state_of(MUQ, muq).problem


@pytest.mark.parametrize("copied", [False, True])
def test_a_file_of_the_same_size_and_time_is_told_from_another(muq: Path, digests: Path, *, copied: bool) -> None:
    before = locate(MUQ, muq, digests=digests).digest
    weights = muq / "pytorch_model.bin"
    seen = weights.stat()
    written = muq / "copy" if copied else weights
    written.write_bytes(b"x" * seen.st_size)
    os.utime(written, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    written.replace(weights)
    assert locate(MUQ, muq, digests=digests).digest != before


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}', "\xff"])
def test_a_damaged_memory_counts_for_nothing(muq: Path, digests: Path, damage: str) -> None:
    before = locate(MUQ, muq, digests=digests).digest
    digests.write_text(damage, encoding="latin-1")
    assert locate(MUQ, muq, digests=digests).digest == before
    assert len(json.loads(digests.read_text())) >= len(NAMES)


def test_a_memory_that_cannot_be_written_is_done_without(muq: Path) -> None:
    assert locate(MUQ, muq, digests=muq / "config.json" / "digests.json").digest


def test_a_memory_that_could_not_be_written_leaves_nothing_behind(muq: Path, digests: Path) -> None:
    digests.mkdir(parents=True)
    assert locate(MUQ, muq, digests=digests).digest
    assert list(digests.parent.iterdir()) == [digests]


def test_files_that_are_gone_are_forgotten(muq: Path, latent: Path, digests: Path) -> None:
    locate(MUQ, muq, digests=digests)
    shutil.rmtree(muq)
    locate(LATENT, latent, digests=digests)
    assert list(json.loads(digests.read_text())) == [str(latent / "music2latent.pt")]


def test_many_at_once_agree_and_leave_a_whole_memory(muq: Path, digests: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: locate(MUQ, muq, digests=digests).digest, range(16)))
    assert len(set(found)) == 1
    assert {len(kept["sha256"]) for kept in json.loads(digests.read_text()).values()} == {64}
    assert [path.name for path in digests.parent.iterdir()] == [digests.name]


def test_large_files_are_said_to_be_read_and_only_once(latent: Path, digests: Path) -> None:
    os.truncate(latent / "music2latent.pt", 150_000_000)
    heard: list[str] = []
    for _ in range(2):
        locate(LATENT, latent, digests=digests, report=heard.append)
    assert heard == ["Checking the files of latent, 150 MB"]


def test_a_look_tells_where_it_is_and_how_large(muq: Path) -> None:
    found = state_of(MUQ, muq)
    size = sum(path.stat().st_size for path in muq.rglob("*") if path.is_file())
    assert (found.place, found.where, found.size, found.problem) == ("local", str(muq), size, "")


def test_a_look_tells_what_is_wrong(muq: Path) -> None:
    (muq / "config.json").unlink()
    found = state_of(MUQ, muq)
    assert found.place == "nowhere"
    assert "lacks config.json;" in found.problem
