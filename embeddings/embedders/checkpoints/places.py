"""The folders of a checkpoint: a local one, the hub's cache, or the cache after a download."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embeddings.domain import EmbedderSpec
from embeddings.embedders.checkpoints.downloading import download
from embeddings.embedders.checkpoints.files import (
    CheckpointFile,
    by_repository,
    files_in,
    lacking_in,
    refuse_unusable,
    variable,
)
from embeddings.errors import CheckpointRefused

if TYPE_CHECKING:
    from embeddings.embedders.checkpoints.hub import Hub


def local_folders(spec: EmbedderSpec, folder: Path) -> dict[str, Path]:
    """Folders inside a local checkpoint, by `HubFiles.folder`.

    Raises:
        CheckpointRefused: it is no folder, or files are missing in it.

    """
    named = variable(spec.key)
    if not folder.is_dir():
        raise CheckpointRefused(
            f"{named} is no folder: {folder}; correct it, or unset it to have the files downloaded."
        )
    lacking = [name for files in spec.checkpoint for name in lacking_in(files, folder / files.folder)]
    if lacking:
        raise CheckpointRefused(
            f"{named}={folder} lacks {', '.join(lacking)}; copy what is missing there, or unset {named} to have the "
            "files downloaded."
        )
    return {files.folder: folder / files.folder for files in spec.checkpoint}


def hub_folders(spec: EmbedderSpec, hub: "Hub", report: Callable[[str], None]) -> dict[str, Path]:
    """Folders in the hub's cache, by `HubFiles.folder`; what the cache lacks is downloaded first.

    Raises:
        CheckpointRefused: something is missing and cannot be had.
        BackendUnavailable: something is missing and the hub does not answer.

    """
    wanted = [files for files in spec.checkpoint if hub.cached(files) is None]
    if wanted:
        refuse_offline(spec, hub)
        download(hub, spec, wanted, report)
    found = {files.folder: hub.cached(files) for files in spec.checkpoint}
    if lost := [place for place, folder in found.items() if folder is None]:
        raise CheckpointRefused(f"{spec.key}'s files vanished from {hub.cache} ({', '.join(lost)}); start again.")
    return {place: folder for place, folder in found.items() if folder is not None}


def lacking_from(spec: EmbedderSpec, hub: "Hub") -> tuple[str, ...]:
    """Files that the hub's cache does not hold, as `repository/name`."""
    return tuple(name for files in spec.checkpoint for name in hub.lacking(files))


def refuse_offline(spec: EmbedderSpec, hub: "Hub") -> None:
    """Refuse to look for missing files on a hub that nobody may ask.

    Raises:
        CheckpointRefused: files are missing and HF_HUB_OFFLINE is set.

    """
    lacking = lacking_from(spec, hub)
    if lacking and hub.offline:
        raise CheckpointRefused(
            f"{spec.key}'s checkpoint is not on this machine, and HF_HUB_OFFLINE forbids to download it; unset that, "
            f"or set {variable(spec.key)} to a folder that holds it. {hub.cache} lacks {by_repository(lacking)}."
        )


def usable_files(spec: EmbedderSpec, folders: Mapping[str, Path]) -> Sequence[CheckpointFile]:
    """All files that the model reads, in the order of its spec.

    Raises:
        CheckpointRefused: one can be seen to be none.

    """
    files = [file for part in spec.checkpoint for file in files_in(part, folders[part.folder])]
    refuse_unusable(files)
    return files


def configured_hub(spec: EmbedderSpec) -> "Hub":
    """The hub that the environment names.

    Raises:
        CheckpointRefused: its library is not installed.

    """
    try:
        from embeddings.embedders.checkpoints.hub import Hub  # noqa: PLC0415 - only who needs the hub loads its library
    except ImportError as error:
        raise CheckpointRefused(
            f"{error}: without it the files of {spec.key} cannot be found or downloaded; install huggingface_hub, or "
            f"set {variable(spec.key)} to a folder that holds them."
        ) from error
    return Hub.configured()
