"""The doctor says which models prompts can be read for, and what a folder of text checkpoints lacks."""

from pathlib import Path
from typing import Any

import pytest

from embedder_site.doctor_texts import check_texts, reading


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.MODELS = ["acoustic", "muq", "mert"]
    settings.TEXT_CHECKPOINT_DIR = str(tmp_path)
    (tmp_path / "mert_best_r1.pt").write_bytes(bytes(3_000_000))
    encoder = tmp_path / "Qwen3-Embedding-4B"
    encoder.mkdir()
    (encoder / "config.json").touch()
    (encoder / "tokenizer.json").touch()
    return tmp_path


def test_each_model_is_said_with_its_towers(folder: Path) -> None:
    (found,) = check_texts()
    trained = f"trained, {folder}/mert_best_r1.pt (3 MB)"
    assert found.used == f"acoustic: no tower; muq: its own tower; mert: {trained}"
    assert (found.state, found.answer.partition(";")[0]) == ("ok", "text for muq, mert")
    assert reading() == ["muq", "mert"]


def test_a_model_may_have_both(folder: Path) -> None:
    (folder / "muq_best_r1.pt").touch()
    assert "muq: its own tower and trained" in check_texts()[0].used


def test_nothing_is_said_where_nothing_reads(settings: Any) -> None:
    settings.MODELS = ["acoustic", "mert"]
    assert check_texts() == []
    assert reading() == []


def test_what_the_folder_lacks_is_said(folder: Path, settings: Any) -> None:
    (folder / "Qwen3-Embedding-4B" / "tokenizer.json").unlink()
    assert said() == ("warning", f"{folder} (TEXT_CHECKPOINT_DIR) holds no folder of a text model")
    (folder / "mert_best_r1.pt").unlink()
    wanted = "acoustic_best_r1.pt, muq_best_r1.pt, mert_best_r1.pt"
    assert said() == ("warning", f"{folder} (TEXT_CHECKPOINT_DIR) holds none of {wanted}")
    settings.TEXT_CHECKPOINT_DIR = str(folder / "nowhere")
    assert said() == ("warning", f"TEXT_CHECKPOINT_DIR is no folder here: {folder}/nowhere")


def said() -> tuple[str, str]:
    (found,) = check_texts()
    return found.state, found.answer
