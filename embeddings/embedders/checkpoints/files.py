"""Which files make a checkpoint, what may stand in for them, and what is wrong with those that are here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from embeddings.domain import HubFiles
from embeddings.errors import CheckpointRefused

STAND_INS = {
    "pytorch_model.bin": ("model.safetensors",),
    "music2latent.pt": ("model.safetensors", "music2latent.safetensors"),
}
"""Names under which the same weights may lie as safetensors, which are read rather than a pickle."""

COMPANIONS = {"music2latent.pt": "hparams.json"}
"""Files that belong to another and are read where they exist."""

POINTER = b"version https://git-lfs"
POINTER_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFile:
    """One file on this machine that a model reads."""

    role: str
    """What it is to the checkpoint, wherever it lies: `xlm-roberta-base/config.json`."""
    path: Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


def find_file(folder: Path, name: str) -> Path | None:
    """The file, or the one that is read in its stead."""
    return next((path for path in map(folder.joinpath, (*STAND_INS.get(name, ()), name)) if path.is_file()), None)


def files_in(files: HubFiles, folder: Path) -> list[CheckpointFile]:
    """Those that are there, in the order of the spec, each followed by its companion."""
    found = []
    for name in files.names:
        if path := find_file(folder, name):
            found.append(CheckpointFile(role=f"{files.folder}/{name}", path=path))
            companion = folder / COMPANIONS.get(name, "")
            if companion.is_file():
                found.append(CheckpointFile(role=f"{files.folder}/{companion.name}", path=companion))
    return found


def lacking_in(files: HubFiles, folder: Path) -> list[str]:
    """Names of those that are not there, as a person would look for them in the checkpoint's folder."""
    return [str(Path(files.folder) / name) for name in files.names if find_file(folder, name) is None]


def refuse_unusable(files: list[CheckpointFile]) -> None:
    """Refuse what cannot be a model's file; damage inside one is found when it is loaded.

    Raises:
        CheckpointRefused: a file is empty, or what Git leaves of a large file that it did not fetch.

    """
    for file in files:
        if file.size == 0:
            raise CheckpointRefused(f"{file.path} is empty; it was not copied completely, so copy it again.")
        if file.size < POINTER_BYTES and file.path.read_bytes().startswith(POINTER):
            raise CheckpointRefused(f"{file.path} is only Git's pointer to the file; `git lfs pull` fetches it.")


def by_repository(names: Iterable[str]) -> str:
    """Names of files of the hub, for people: `OpenMuQ/MuQ-large-msd-iter (config.json, model.safetensors)`."""
    grouped: dict[str, list[str]] = {}
    for name in names:
        repository, _, file = name.rpartition("/")
        grouped.setdefault(repository, []).append(file)
    return ", ".join(f"{repository} ({', '.join(files)})" for repository, files in grouped.items())


def variable(key: str) -> str:
    """Name of the setting that holds the folder of a model's checkpoint."""
    return f"{key.upper()}_CHECKPOINT"


def in_words(size: float) -> str:
    """So many bytes, for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
