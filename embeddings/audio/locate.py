"""Finds a track's file and refuses whatever leads out of its library's folder."""

import errno
import os

from embeddings.errors import AudioMissing, PathOutsideLibrary, PermissionDenied, TrackError
from embeddings.paths import to_bytes

_SENTENCES: dict[int, tuple[type[TrackError], str]] = {
    errno.ENOENT: (AudioMissing, "The file is not there any more, or the disk it is on is not mounted."),
    errno.ENOTDIR: (AudioMissing, "The file is not there: a part of its path is no folder."),
    errno.ELOOP: (AudioMissing, "The path leads through links that point at each other."),
    errno.ENAMETOOLONG: (AudioMissing, "The path is longer than this system can open."),
    errno.EACCES: (PermissionDenied, "This user may not read the file, or not enter a folder above it."),
    errno.EPERM: (PermissionDenied, "This user may not read the file."),
}


def resolve(root: str, path: str) -> bytes:
    """The real path of a track's file, all links followed.

    Args:
        root: absolute folder of the library, in the text form of `embeddings.paths`.
        path: relative to `root`, in the same form.

    Raises:
        PathOutsideLibrary: absolute, upwards (`..`), or a link that leads out of `root`.
        AudioMissing: not there, a link to nothing, links in a circle, a path too long to open.
        PermissionDenied: a folder above it may not be entered.

    """
    folder, name = _as_bytes(root), _as_bytes(path)
    if name.startswith(b"/") or b".." in name.split(b"/"):
        raise PathOutsideLibrary("The path does not stay inside the library's folder.")
    try:
        real_root = os.path.realpath(folder, strict=True)
        real = os.path.realpath(os.path.join(real_root, name), strict=True)  # noqa: PTH118 - pathlib knows no bytes
    except OSError as error:
        raise refusal(error) from error
    if real != real_root and not real.startswith(real_root.rstrip(b"/") + b"/"):
        raise PathOutsideLibrary("The file is a link that leads out of the library's folder.")
    return real


def refusal(error: OSError) -> TrackError:
    """The track error, with its sentence, that an error of the operating system amounts to."""
    kind, sentence = _SENTENCES.get(error.errno or 0, (AudioMissing, f"The file cannot be reached: {error.strerror}."))
    return kind(sentence)


def _as_bytes(text: str) -> bytes:
    try:
        raw = to_bytes(text)
    except UnicodeEncodeError as error:
        raise AudioMissing("No file can have this name: it holds broken characters.") from error
    if b"\0" in raw:
        raise AudioMissing("No file can have this name: it holds a NUL.")
    return raw
