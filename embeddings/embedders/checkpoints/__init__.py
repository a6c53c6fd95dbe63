"""Where a model's checkpoint is on this machine, how it gets there, and which one it is."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from embeddings.domain import EmbedderSpec
from embeddings.embedders.base import Checkpoint
from embeddings.embedders.checkpoints.digests import file_digests
from embeddings.embedders.checkpoints.files import CheckpointFile, in_words
from embeddings.embedders.checkpoints.places import (
    configured_hub,
    hub_folders,
    lacking_from,
    local_folders,
    refuse_offline,
    usable_files,
)
from embeddings.errors import CheckpointRefused

if TYPE_CHECKING:
    from embeddings.embedders.checkpoints.hub import Hub

LARGE_BYTES = 100_000_000
"""To read more takes long enough to say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointState:
    """What names and sizes tell of a checkpoint."""

    place: Literal["local", "cached", "hub", "nowhere"]
    """In the folder that was given, in the hub's cache, at least in part only on the hub, or out of reach."""
    where: str = ""
    """Its folder, or the address of the hub; empty for a cache that lacks it."""
    size: int = 0
    """Bytes that are here and will be read, or roughly those to be downloaded; 0 when nobody knows."""
    lacking: tuple[str, ...] = ()
    """Files that will be downloaded."""
    problem: str = ""
    """Why it cannot be used and what to do, in a sentence; empty when it can."""


def _unheard(_sentence: str) -> None:
    """Where reports go that nobody asked for."""


def locate(
    spec: EmbedderSpec,
    folder: Path | None,
    *,
    digests: Path,
    report: Callable[[str], None] = _unheard,
    hub: "Hub | None" = None,
) -> Checkpoint:
    """Find a model's checkpoint, downloading what is missing, and read it once to know which one it is.

    Args:
        spec: the model.
        folder: a local checkpoint, `<folder>/<HubFiles.folder>/<names>`; None for the hub's cache, then the hub.
        digests: JSON file in which the digests of large files are remembered.
        report: told in a sentence what takes long, at most once a second.
        hub: another hub than the one that the environment names.

    Raises:
        CheckpointRefused: files are missing, empty or damaged, or the hub does not have or give them.
        BackendUnavailable: the hub does not answer, or the connection broke again and again.

    """

    def announce(size: int) -> None:
        if size >= LARGE_BYTES:
            report(f"Checking the files of {spec.key}, {in_words(size)}")

    with _readable(spec):
        folders = local_folders(spec, folder) if folder else hub_folders(spec, hub or configured_hub(spec), report)
        files = usable_files(spec, folders)
        found = file_digests([file.path for file in files], digests, before_reading=announce)
    for file, digest in zip(files, found, strict=True):
        _refuse_damaged(file, digest)
    return Checkpoint(folders=folders, digest=_digest(files, found))


def state_of(spec: EmbedderSpec, folder: Path | None, *, hub: "Hub | None" = None) -> CheckpointState:
    """Look where a model's checkpoint is, without asking the hub and without reading large files."""
    try:
        with _readable(spec):
            return _local_state(spec, folder) if folder else _hub_state(spec, hub or configured_hub(spec))
    except CheckpointRefused as error:
        return CheckpointState(place="nowhere", where=str(folder or ""), problem=str(error))


def _local_state(spec: EmbedderSpec, folder: Path) -> CheckpointState:
    files = usable_files(spec, local_folders(spec, folder))
    return CheckpointState(place="local", where=str(folder), size=sum(file.size for file in files))


def _hub_state(spec: EmbedderSpec, hub: "Hub") -> CheckpointState:
    if lacking := lacking_from(spec, hub):
        refuse_offline(spec, hub)
        size = sum(files.megabytes * 1_000_000 for files in spec.checkpoint if hub.lacking(files))
        return CheckpointState(place="hub", where=hub.endpoint, size=size, lacking=lacking)
    files = usable_files(spec, hub_folders(spec, hub, _unheard))
    return CheckpointState(place="cached", where=str(hub.cache), size=sum(file.size for file in files))


@contextmanager
def _readable(spec: EmbedderSpec) -> Iterator[None]:
    """Say of a file that the system does not let us read which one it is."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise CheckpointRefused(
            f"{error.filename} cannot be read for {spec.key} ({error.strerror}); let this user read it."
        ) from error


def _refuse_damaged(file: CheckpointFile, digest: str) -> None:
    """The hub's cache names a large file after the SHA-256 that it must have."""
    kept = file.path.resolve()
    if re.fullmatch("[0-9a-f]{64}", kept.name) and kept.name != digest:
        raise CheckpointRefused(f"{file.path} is damaged; remove {kept} to have it downloaded again.")


def _digest(files: Sequence[CheckpointFile], digests: Sequence[str]) -> str:
    lines = [f"{file.role} {digest}\n" for file, digest in zip(files, digests, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
