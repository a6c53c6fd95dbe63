"""Links, pipes, sockets, folders and permissions where a file should be."""

import os
import shutil
import socket
from pathlib import Path

from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import song_mp3

_SAMPLE = Path(__file__).parents[2] / "sample"


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    _links(shelf)
    _not_files(shelf)
    _denied(shelf)
    _twins(shelf)
    return shelf.cases


def _links(shelf: Shelf) -> None:
    music = next(path for path in sorted(_SAMPLE.rglob("*.mp3")))
    for name, target, what, outcome in (
        ("loop_a.mp3", "loop_b.mp3", "a link to a link that points back", "audio_missing"),
        ("loop_b.mp3", "loop_a.mp3", "the link that points back", "audio_missing"),
        ("dangling.mp3", "/nonexistent/file.mp3", "a link to nothing", "audio_missing"),
        ("outside.mp3", str(music), "a link to music outside the library", "path_outside_library"),
        ("endless.mp3", "/dev/zero", "a link to endless zeros", "path_outside_library"),
        ("folder_loop", "..", "a link to the folder above", "not_audio"),
    ):
        shelf.note(name, what, outcome, listed=False).symlink_to(target)
    shelf.note("inside.mp3", "a link to a good file inside the library").symlink_to("hardlink_1.mp3")


def _not_files(shelf: Shelf) -> None:
    os.mkfifo(shelf.note("pipe.mp3", "a pipe, which would wait for ever", "not_audio", listed=False))
    path = shelf.note("socket.mp3", "a socket", "not_audio", listed=False)
    # The name of a socket may have 107 bytes and no more.
    before = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.fchdir(before)
    os.close(before)
    shelf.note("folder.flac", "a folder named like a file", "not_audio", listed=False).mkdir()
    shelf.put("folder.flac/inside.mp3", song_mp3(), "a good file in that folder")


def _denied(shelf: Shelf) -> None:
    shelf.put("denied.mp3", song_mp3(), "a file that nobody may read", "permission_denied").chmod(0)
    path = shelf.put("denied/inside.mp3", song_mp3(), "a file in a locked folder", "permission_denied", listed=False)
    path.parent.chmod(0)


def _twins(shelf: Shelf) -> None:
    first = shelf.put("hardlink_1.mp3", song_mp3(), "one of two names of one file")
    shelf.note("hardlink_2.mp3", "the other name").hardlink_to(first)
    for name, time, what in (("future.mp3", 4_294_967_295, "changed in 2106"), ("epoch.mp3", 0, "changed in 1970")):
        os.utime(shelf.put(name, song_mp3(), what), (time, time))


def remove(folder: Path) -> None:
    """Remove the collection, the locked folder in it too."""
    locked = folder / "filesystem" / "denied"
    if locked.exists():
        locked.chmod(0o755)
    shutil.rmtree(folder)
