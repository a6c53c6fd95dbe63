"""The library that jobs of the benchmark are about: a Navidrome database, made up, and checkpoints without meaning."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bench.sync import COLUMNS, media_file, write_navidrome
from embeddings import conf
from embeddings.library.navidrome import NavidromeSource

MODELS = ("acoustic", "muq", "mert")
"""One operation each per track."""
ALBUM = 12
"""Tracks of the album that comes when everything is embedded."""


class Shelf:
    """A library of a chosen size that grows by an album."""

    def __init__(self, folder: Path, tracks: int, checkpoints: Mapping[str, Path]) -> None:
        """Write the library's database."""
        self.tracks = tracks
        self._navidrome = write_navidrome(folder / "navidrome.db", tracks)
        self.source = NavidromeSource(self._navidrome)
        digests = folder / "digests.json"
        self.config = replace(conf.models(), device="cpu", precision="auto", checkpoints=checkpoints, digests=digests)

    def add_album(self) -> None:
        """Let Navidrome find twelve new tracks."""
        marks = ", ".join("?" * len(COLUMNS.split(", ")))
        rows = [media_file(self.tracks + number) for number in range(ALBUM)]
        with closing(sqlite3.connect(self._navidrome)) as database, database:
            database.executemany(f"INSERT INTO media_file VALUES ({marks})", rows)  # noqa: S608
        self.tracks += ALBUM
