"""Text checkpoints that were trained for a model: where they lie and which one it is, told without loading anything.

`<folder>/<model>_best_r1.pt` holds the trained weights; `<folder>/Qwen3-Embedding-4B`, named as the text
model in it, holds that model's config.json and tokenizer.json, and its own weights where the `.pt` lacks them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from embeddings.errors import CheckpointRefused

ENCODER_FILES = ("config.json", "tokenizer.json", "model.safetensors.index.json", "*.safetensors", "pytorch_model.bin")
"""What is read of a text model's folder."""
BLOCKS = 64
BLOCK_BYTES = 1 << 16
"""So much is read of a large file, at even distances and at both ends. Training changes all weights, and a file that
`torch.save` wrote ends with a checksum of each tensor."""


def weights_path(folder: Path, model: str) -> Path:
    """Where the checkpoint of a model has to be."""
    return folder / f"{model}_best_r1.pt"


def is_there(folder: Path | None, model: str) -> bool:
    """Whether the checkpoint of a model is there, as far as its name tells."""
    return folder is not None and weights_path(folder, model).is_file()


def has_text_model(folder: Path) -> bool:
    """Whether a folder of a text model is there; which one a checkpoint needs is known when it is loaded."""
    return any((found / "tokenizer.json").is_file() for found in _text_models(folder))


def fingerprint(folder: Path, model: str) -> str:
    """Tell one checkpoint of a model from another, on any machine that has the same files, in milliseconds.

    Files of gigabytes are not read whole, as whoever asks is a web server with a prompt in hand.

    Raises:
        CheckpointRefused: a file is missing or cannot be read.

    """
    with _readable():
        lines = [f"{path.relative_to(folder)} {_print_of(path)}\n" for path in _files(folder, model)]
    # The model's name is part of the first line; the same file for two models is two checkpoints.
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def appearance(folder: Path, model: str) -> Sequence[tuple[str | int, ...]]:
    """Tell whether any file of a checkpoint was written since, be it with what `fingerprint` does not read.

    Raises:
        CheckpointRefused: a file is missing or cannot be read.

    """
    with _readable():
        return [(str(path), *_looks(path)) for path in _files(folder, model)]


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointRefused(
            f"{error.filename} cannot be read ({error.strerror}); let this user read it."
        ) from error


def _files(folder: Path, model: str) -> Iterator[Path]:
    yield weights_path(folder, model)
    for encoder in _text_models(folder):
        for pattern in ENCODER_FILES:
            yield from sorted(encoder.glob(pattern))


def _text_models(folder: Path) -> list[Path]:
    return sorted(found for found in folder.iterdir() if (found / "config.json").is_file())


def _print_of(path: Path) -> str:
    return _sampled(path, *_looks(path))


def _looks(path: Path) -> tuple[int, int, int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino


@lru_cache(maxsize=64)
def _sampled(path: Path, size: int, *_appearance: int) -> str:
    """Read once for as long as the file looks the same."""
    starts = {0, max(0, size - BLOCK_BYTES), *range(0, size, max(BLOCK_BYTES, size // BLOCKS))}
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in sorted(starts):
            file.seek(start)
            digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()
