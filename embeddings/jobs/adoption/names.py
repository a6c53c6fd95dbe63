"""Names that the program before this one kept vectors under, and the track that each can only mean."""

import re
from collections.abc import Iterator
from uuid import UUID

from embeddings.library.clean import clean_text
from embeddings.models import Track
from embeddings.store.base import MAX_NAME_BYTES
from embeddings.store.checks import cut_name

UNKNOWN_ARTIST = ("", "None", "[Unknown Artist]")
"""What stood for a missing artist there: nothing, a database's null as text, and what Navidrome writes."""
_REPLACED = str.maketrans({"•": "&", "/": "_", "\\": "_"})
_SPACES = re.compile(r"\s+")


class Names:
    """Every present track by its names; a name that two share means neither."""

    def __init__(self) -> None:
        """Read the catalogue."""
        self._tracks: dict[str, UUID | None] = {}
        fields = ("pk", "artist", "title", "path", "navidrome_id")
        for pk, artist, title, path, navidrome_id in (
            Track.objects.present().order_by().values_list(*fields).iterator(chunk_size=2000)
        ):
            stem = path.rsplit("/", 1)[-1].rpartition(".")[0]
            names = set(_forms(artist, title or stem))
            # Where a name was too long or too odd, some of its versions wrote Navidrome's id instead.
            for name in names | ({navidrome_id} if navidrome_id else set()):
                if self._tracks.setdefault(name, pk) != pk:
                    self._tracks[name] = None

    def find(self, name: str) -> UUID | None:
        """The only track with this name.

        Raises:
            KeyError: no track has it.

        """
        return self._tracks[canonical(name)]


def canonical(name: str) -> str:
    """The name as two writings of it agree: its replacements made, spaces collapsed, cut to what its field took."""
    plain = clean_text(name.translate(_REPLACED), MAX_NAME_BYTES)
    return cut_name(_SPACES.sub(" ", plain).strip())


def _forms(artist: str, title: str) -> Iterator[str]:
    for known in (artist,) if artist else UNKNOWN_ARTIST:
        yield canonical(f"{known} - {title}")
