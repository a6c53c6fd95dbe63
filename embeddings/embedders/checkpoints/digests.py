"""SHA-256 of large files, remembered from one program to the next."""

import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from embeddings.errors import CheckpointRefused

logger = logging.getLogger(__name__)


def file_digests(paths: Sequence[Path], memory: Path, *, before_reading: Callable[[int], None]) -> list[str]:
    """SHA-256 of each file, in order; one that looks as `memory` knows it is not read again.

    Args:
        paths: files that exist.
        memory: JSON file, made when it is missing; what is damaged in it counts for nothing.
        before_reading: told how many bytes have to be read, when any have.

    Raises:
        CheckpointRefused: a file changes while it is read.

    """
    resolved = [path.resolve() for path in paths]
    known = _read(memory)
    digests = {path: _remembered(known, path) for path in resolved}
    unread = [path for path, digest in digests.items() if digest is None]
    if unread:
        before_reading(sum(path.stat().st_size for path in unread))
        measured = {path: _measure(path) for path in unread}
        _remember(memory, measured)
        digests |= {path: entry["sha256"] for path, entry in measured.items()}
    return [str(digests[path]) for path in resolved]


def _remembered(known: Mapping[str, Any], path: Path) -> str | None:
    kept = known.get(str(path))
    if not isinstance(kept, dict) or not _appearance(path).items() <= kept.items():
        return None
    digest = kept.get("sha256")
    return digest if isinstance(digest, str) else None


def _measure(path: Path) -> dict[str, Any]:
    before = _appearance(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if _appearance(path) != before:
        raise CheckpointRefused(f"{path} changes while it is read; try again when it has been copied completely.")
    return {**before, "sha256": digest}


def _appearance(path: Path) -> dict[str, Any]:
    seen = path.stat()
    # Times can be set at will and be kept by a copy; the inode and its own time of change cannot.
    return {"size": seen.st_size, "mtime_ns": seen.st_mtime_ns, "ctime_ns": seen.st_ctime_ns, "inode": seen.st_ino}


def _read(memory: Path) -> dict[str, Any]:
    try:
        kept = json.loads(memory.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("the memory of digests cannot be read path=%s error=%s", memory, error)
        return {}
    return kept if isinstance(kept, dict) else {}


def _remember(memory: Path, measured: Mapping[Path, Mapping[str, Any]]) -> None:
    # Read again: another program may have written since. Of two that write at once one is forgotten, and
    # costs its next reader the time of reading the files once more.
    kept = {path: entry for path, entry in _read(memory).items() if Path(path).exists()}
    kept |= {str(path): dict(entry) for path, entry in measured.items()}
    fresh = memory.with_name(f"{memory.name}.{secrets.token_hex(4)}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.write_text(json.dumps(kept, indent=2) + "\n")
        fresh.replace(memory)
    except OSError as error:
        logger.warning("the memory of digests cannot be written path=%s error=%s", memory, error)
        with suppress(OSError):
            fresh.unlink()
