"""A model that reads words without knowing any, and a text worker that has it: `python -m tests.words FOLDER`."""

import json
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from django.conf import settings as django_settings

from embeddings.domain import EmbedderSpec, HubFiles, Vector
from embeddings.embedders import SPECS, get_spec
from embeddings.embedders.base import Runtime
from embeddings.embedders.checkpoints import locate
from embeddings.errors import CheckpointRefused, Refused

WORDS = replace(
    get_spec("acoustic"),
    key="words",
    alias="words_embedding",
    dimension=6,
    joint_dimension=16,
    text_loader="tests.words:WordsEncoder",
    checkpoint=(HubFiles(repository="tests/words", revision="1", names=("words.json",)),),
)


class WordsEncoder:
    """A text is the sum of its words, each a random direction that the checkpoint's seed decides."""

    spec: EmbedderSpec = WORDS

    def __init__(self, runtime: Runtime) -> None:
        assert runtime.checkpoint
        path = runtime.checkpoint.folders[""] / "words.json"
        self._seed = json.loads(path.read_text()).get("seed")
        if self._seed is None:
            raise CheckpointRefused(f"{path} holds no seed.")

    def encode(self, prompt: str) -> Vector:
        """Sum up the words; three of them do something else."""
        if prompt == "unheard":
            raise Refused("Nobody has heard of this.", code="words_unheard")
        if prompt == "broken":
            raise ZeroDivisionError
        directions = [np.random.default_rng([self._seed, zlib.crc32(word.encode())]) for word in prompt.lower().split()]
        total = np.sum([chance.standard_normal(WORDS.joint_dimension) for chance in directions], axis=0)
        vector: Vector = (total / np.linalg.norm(total)).astype(np.float32)
        return vector

    def close(self) -> None:
        """Nothing is held."""


def write_words(folder: Path, *, seed: int = 1) -> str:
    """Write a checkpoint; its digest."""
    (folder / "words.json").write_text(json.dumps({"seed": seed}))
    return locate(WORDS, folder, digests=folder / "digests").digest


def read_alone(prompt: str, folder: Path) -> Vector:
    """What the encoder says of a prompt, without queue and worker."""
    return WordsEncoder(Runtime(checkpoint=locate(WORDS, folder, digests=folder / "digests"))).encode(prompt)


def _work(folder: str) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    SPECS["words"] = WORDS
    django_settings.CHECKPOINTS["words"] = folder
    call_command("work", queue="text")


if __name__ == "__main__":
    _work(sys.argv[1])
