"""A prompt's vector is the one that the package gives for it alone, and prompts without words are refused."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.embedders.muq_text import MuqTextEncoder
from embeddings.errors import CheckpointRefused, Refused
from tests.checkpoints.muq import write_muq
from tests.embeddings.embedders.muq_package_model import package_model, runtime_of

PROMPTS = ["slow sad piano", "ruhige Klaviermusik am Abend", "一首适合海边风景的小提琴曲", " rain,  at night\n", "a"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("muq")
    write_muq(made, full=False)
    return made


@pytest.fixture(scope="module")
def reader(folder: Path) -> MuqTextEncoder:
    return MuqTextEncoder(runtime_of(folder))


@pytest.fixture(scope="module")
def package(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return package_model(folder, tmp_path_factory.mktemp("towers"))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_reads_as_in_the_package(prompt: str, reader: MuqTextEncoder, package: Any) -> None:
    assert np.abs(reader.encode(prompt) - package(texts=[prompt])[0].numpy()).max() < 1e-6


def test_vectors_are_of_unit_length_and_differ(reader: MuqTextEncoder) -> None:
    vectors = np.stack([reader.encode(prompt) for prompt in PROMPTS])
    assert vectors.shape == (len(PROMPTS), reader.spec.joint_dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors @ vectors.T - np.eye(len(PROMPTS))).max() < 0.999


def test_what_was_read_before_does_not_matter(reader: MuqTextEncoder) -> None:
    before = reader.encode("slow sad piano")
    reader.encode("a very long and energetic song with drums and bass and guitar and violin for dance at night")
    assert np.array_equal(reader.encode("slow sad piano"), before)


def test_a_prompt_is_read_up_to_512_tokens(reader: MuqTextEncoder) -> None:
    whole, more, less = (reader.encode(" ".join(["guitar"] * words)) for words in (510, 2000, 509))
    assert np.array_equal(whole, more)
    assert not np.array_equal(whole, less)


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "\u3000", "\ud800"])
def test_a_prompt_without_words_is_refused(prompt: str, reader: MuqTextEncoder) -> None:
    with pytest.raises(Refused, match="prompt is empty"):
        reader.encode(prompt)


def test_only_the_text_half_is_held(folder: Path, package: Any) -> None:
    named = {f"mulan.{name}" for name in MuqTextEncoder(runtime_of(folder))._tower.state_dict()}
    assert named == {name for name in package.state_dict() if name.startswith("mulan.text")}


@pytest.mark.parametrize("content", [None, "", "{}", "half a fi"])
def test_a_tokenizer_that_cannot_be_read_is_refused(content: str | None, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tokenizer = tmp_path / "xlm-roberta-base" / "tokenizer.json"
    tokenizer.unlink()
    if content is not None:
        tokenizer.write_text(content)
    with pytest.raises(CheckpointRefused, match=r"tokenizer\.json cannot be read"):
        MuqTextEncoder(runtime_of(tmp_path))
