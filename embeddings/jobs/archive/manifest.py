"""The manifest of an archive: which generation it holds, in which files, and how to tell that they are whole."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from embeddings.errors import Refused
from embeddings.models import Generation, Identity

FORMAT = "navidrome-embedder generation"
VERSION = 1
MANIFEST = "manifest.json"
DRAFT = "draft.json"
"""The manifest of an export that is not complete."""
PART_NAME = re.compile(r"part-[0-9a-f]{8}-[0-9]{5}\.parquet", re.ASCII)
MOST_BYTES = 16 * 1024 * 1024
"""A manifest of a million tracks is a thousandth of that."""

MOST_LENGTH = 255
"""Of a text that no column takes."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of an archive."""

    name: str
    rows: int
    bytes: int
    sha256: str
    last_id: str
    """Up to here, in order of id, the store was read when it was complete; empty for one of stragglers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive is, readable without its parts."""

    model: str
    spec_version: int
    checkpoint: str
    packages: str
    precision: str
    dimension: int
    joint_dimension: int
    collection: str
    """Its name where it came from; elsewhere it gets another."""
    created_at: str
    """When the generation was begun, ISO 8601."""
    exported_at: str
    run: str
    """Eight digits in the names of its parts, which no other export into the folder shares."""
    lacking: int
    """Vectors that the database named and the store did not have."""
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, generation: Generation, *, run: str, exported_at: str) -> "Manifest":
        """Start the manifest of a generation, without parts."""
        return cls(
            model=generation.model,
            spec_version=generation.spec_version,
            checkpoint=generation.checkpoint,
            packages=generation.packages,
            precision=generation.precision,
            dimension=generation.dimension,
            joint_dimension=generation.joint_dimension,
            collection=generation.name,
            created_at=generation.created_at.isoformat(),
            exported_at=exported_at,
            run=run,
            lacking=0,
            parts=(),
        )

    @property
    def identity(self) -> Identity:
        """With what its vectors were computed."""
        return Identity(checkpoint=self.checkpoint, packages=self.packages, precision=self.precision)

    @property
    def count(self) -> int:
        """Rows in all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def last_id(self) -> str:
        """Up to here the store was read."""
        return max((part.last_id for part in self.parts), default="")

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says; tells one archive from another."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def with_part(self, part: Part) -> "Manifest":
        """The same with one more part."""
        return dataclasses.replace(self, parts=(*self.parts, part))

    def names(self, other: "Manifest") -> bool:
        """Whether both are of one generation of one database."""
        ours, theirs = (
            dataclasses.replace(each, exported_at="", run="", lacking=0, parts=()) for each in (self, other)
        )
        return ours == theirs

    def text(self) -> str:
        """As it is written."""
        head = {"format": FORMAT, "version": VERSION, "count": self.count}
        return json.dumps(head | dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"


def read_manifest(file: Path) -> Manifest:
    """Read a manifest, and believe nothing that is not as `text` writes it.

    Raises:
        Refused: it is none.

    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise _refused(file, "is far too long")
        written = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{file.parent} holds no archive: it has no {file.name}.", code="no_archive") from None
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.", code="bad_archive") from error
    except ValueError as error:
        raise _refused(file, "is no JSON") from error
    if not isinstance(written, dict) or written.get("format") != FORMAT:
        raise _refused(file, "describes no archive of a generation")
    if written.get("version") != VERSION:
        raise _refused(file, f"is of version {written.get('version')!r}, and this program reads version {VERSION}")
    return _manifest(file, written)


def _manifest(file: Path, written: dict[str, Any]) -> Manifest:
    parts = written.get("parts")
    if not isinstance(parts, list):
        raise _refused(file, "lists no parts")
    found = _typed(Manifest, written | {"parts": tuple(_typed(Part, part, file) for part in parts)}, file)
    names = [part.name for part in found.parts]
    if len(set(names)) < len(names) or not all(PART_NAME.fullmatch(name) for name in names):
        raise _refused(file, "names parts that no export writes")
    if found.count != written.get("count"):
        raise _refused(file, f"counts {written.get('count')} rows where its parts have {found.count}")
    return found


def _typed(cls: type[Value], written: object, file: Path) -> Value:
    """Make a value of plain fields, each of exactly the type that it has to have."""
    if not isinstance(written, dict):
        raise _refused(file, f"holds {written!r} where it should describe a part")
    fields: dict[str, Any] = {}
    for name, wanted in get_type_hints(cls).items():
        value = written.get(name)
        # `true` is an int to Python, and no count is negative.
        plain = type(value) is (tuple if name == "parts" else wanted)
        if not plain or (isinstance(value, int) and value < 0) or (isinstance(value, str) and not _fits(name, value)):
            raise _refused(file, f"does not say what {name} is")
        fields[name] = value
    return cls(**fields)


def _fits(name: str, value: str) -> bool:
    """Whether a database takes the text, where it gets there."""
    columns = {field.name: field.max_length for field in Generation._meta.fields}
    return value.isprintable() and len(value) <= (columns.get(name) or MOST_LENGTH)


def _refused(file: Path, why: str) -> Refused:
    return Refused(f"{file} {why}.", code="bad_archive")
