"""The fitting music: fetched from Debian packages, decoded, altered, read into raw rows; all kept on disk."""

import hashlib
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.audio import Ear
from bench.fitting.alter import ALTERATIONS, RATE
from bench.fitting.packages import PACKAGES, SHARED_WITH_THE_EVALUATION
from bench.library.debian import download, open_package
from embeddings.audio.windows import audible, cut
from embeddings.domain import Samples
from embeddings.embedders import get_spec
from embeddings.embedders.acoustic.features import WindowReader
from embeddings.errors import TrackError

logger = logging.getLogger(__name__)

AUDIO = (".ogg", ".oga", ".mp3", ".flac", ".opus", ".m4a", ".wav")
ARCHIVES = (".zip", ".pk3", ".pk4", ".wz")
MIN_BYTES = 250_000
MIN_SECONDS, MAX_SECONDS, ALTERED_SECONDS = 45, 150, 40
SONGS_PER_TURN = 8
SONGS_PER_GAME = 24
"""The largest files of a game; no game may decide what music is."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Song:
    """One track of the fitting music as raw rows [windows, raw dimension]."""

    key: str
    game: str
    whole: Rows
    altered: dict[str, Rows]
    """One stretch of it, by alteration."""


def songs(work: Path) -> list[Song]:
    """Fetch, decode and read everything that is not on disk yet; tens of minutes the first time.

    Raises:
        LibraryUnavailable: a package cannot be downloaded.

    """
    (work / "rows").mkdir(parents=True, exist_ok=True)
    files = [path for package in PACKAGES for path in music_files(package, work)]
    numbered = list(enumerate(files))
    turns = [numbered[at : at + SONGS_PER_TURN] for at in range(0, len(numbered), SONGS_PER_TURN)]
    with ProcessPoolExecutor() as pool:
        return [song for found in pool.map(partial(read_songs, work=work), turns) for song in found]


def music_files(package: str, work: Path) -> list[Path]:
    """The package's music as files, unpacked once; archives inside the package are opened too."""
    folder = work / "music" / package
    if not folder.exists():
        (work / "packages").mkdir(parents=True, exist_ok=True)
        partial_folder = folder.with_name(f"{package}.partial")
        partial_folder.mkdir(parents=True, exist_ok=True)
        for name, content in _music_in(download(package, work / "packages")):
            stem = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()[:12]
            (partial_folder / f"{stem}{PurePosixPath(name).suffix.lower()}").write_bytes(content)
        partial_folder.rename(folder)
    by_size = sorted(folder.iterdir(), key=lambda path: (-path.stat().st_size, path.name))
    return by_size[:SONGS_PER_GAME]


def read_songs(numbered: Sequence[tuple[int, Path]], work: Path) -> list[Song]:
    """The rows of some songs, without those that are too short, silent or undecodable."""
    found = []
    with Ear() as ear:
        for number, path in numbered:
            kept = work / "rows" / f"{path.parent.name}.{path.stem}.npz"
            if not kept.exists():
                np.savez(kept, allow_pickle=False, **_rows_of(path, number, ear))
            with np.load(kept) as stored:
                rows = dict(stored)
            if "whole" in rows:
                found.append(Song(key=path.stem, game=path.parent.name, whole=rows.pop("whole"), altered=rows))
    return found


def _music_in(deb: Path) -> Iterator[tuple[str, bytes]]:
    with open_package(deb) as package:
        for entry in package:
            file = package.extractfile(entry) if entry.isreg() and entry.size > MIN_BYTES else None
            if file is None or any(name in entry.name.lower() for name in SHARED_WITH_THE_EVALUATION):
                continue
            if entry.name.lower().endswith(AUDIO):
                yield entry.name, file.read()
            elif entry.name.lower().endswith(ARCHIVES):
                with tempfile.TemporaryFile() as copy:  # one of them has more than a gigabyte
                    shutil.copyfileobj(file, copy)
                    yield from _music_in_archive(copy)


def _music_in_archive(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename.lower().endswith(AUDIO) and entry.file_size > MIN_BYTES:
                yield entry.filename, archive.read(entry)


def _rows_of(path: Path, number: int, ear: Ear) -> dict[str, Rows]:
    try:
        samples = ear.hear(path, RATE)[: MAX_SECONDS * RATE]
    except TrackError as error:
        logger.info("left out path=%s: %s", path, error)
        return {}
    if len(samples) < MIN_SECONDS * RATE:
        return {}
    reader = WindowReader()
    whole = _rows(samples, reader)
    if not len(whole):
        return {}
    start = (len(samples) - MIN_SECONDS * RATE) // 4
    stretch = samples[start : start + ALTERED_SECONDS * RATE]
    names = list(ALTERATIONS)
    chosen = {names[(number + step) % len(names)] for step in (0, 2, 4)}
    return {"whole": whole, **{name: _rows(ALTERATIONS[name](stretch), reader) for name in sorted(chosen)}}


def _rows(samples: Samples, reader: WindowReader) -> Rows:
    spec = get_spec("acoustic")
    cutting = cut([samples], rate=RATE, window_seconds=spec.window_seconds, hop_seconds=spec.hop_seconds)
    rows = [reader.read(window.samples) for window in cutting if audible(window)]
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)
