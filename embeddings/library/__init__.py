"""Where the music is: the sources that list tracks, and the one that the configuration names."""

import os

from embeddings.conf import LibraryConfig
from embeddings.library.base import MusicSource
from embeddings.library.folder import FolderSource
from embeddings.library.navidrome import NavidromeSource
from embeddings.paths import to_text


def configured_source(config: LibraryConfig) -> MusicSource:
    """Navidrome's database where one is named, else the music folder."""
    if config.navidrome_db is None:
        return FolderSource(config.music)
    path_map = [(to_text(os.fsencode(theirs)), to_text(os.fsencode(ours))) for theirs, ours in config.path_map]
    return NavidromeSource(config.navidrome_db, path_map)
