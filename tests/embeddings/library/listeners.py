"""Users of a made-up Navidrome: what they played, loved and rated, and their playlists, in both layouts."""

from collections.abc import Sequence
from pathlib import Path

from tests.embeddings.library.shelves import changing

ANNOTATION = {
    "0.52": "ann_id, user_id, item_id, item_type, play_count, play_date, rating, starred, starred_at",
    "0.64": "user_id, item_id, item_type, play_count, play_date, rating, starred, starred_at, rated_at",
}
"""Columns by the version that first had them so."""


def make_listeners(database: Path, layout: str, users: Sequence[tuple[str, str]]) -> None:
    """Add the tables that hold what users do, and the users by id and name, to a database of `shelves`."""
    with changing(database) as connection:
        connection.execute("CREATE TABLE user (id, user_name, name, password)")
        connection.execute(f"CREATE TABLE annotation ({ANNOTATION[layout]})")
        connection.execute("CREATE TABLE playlist (id, name, owner_id, public, rules)")
        connection.execute("CREATE TABLE playlist_tracks (id, playlist_id, media_file_id)")
        connection.executemany("INSERT INTO user VALUES (?, ?, '', 'secret')", users)


def mark(database: Path, user: str, key: str, **said: object) -> None:
    """Write what a user did with a track, or with what `item_type` says."""
    row = {"user_id": user, "item_id": key, "item_type": "media_file"} | said
    with changing(database) as connection:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO annotation ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def add_playlist(database: Path, key: str, owner: str, tracks: Sequence[str], *, public: bool) -> None:
    """Write a playlist, its tracks last to first, as no order of rows is promised."""
    with changing(database) as connection:
        connection.execute("INSERT INTO playlist VALUES (?, ?, ?, ?, NULL)", (key, f"List {key}", owner, public))
        rows = [(str(place), key, track) for place, track in enumerate(tracks, start=1)]
        connection.executemany("INSERT INTO playlist_tracks VALUES (?, ?, ?)", rows[::-1])
