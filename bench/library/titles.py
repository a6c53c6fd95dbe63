"""Titles and composers, from tags, from the packages' own lists, and from file names as a last resort."""

import configparser
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bench.library.debian import Member

_LINK = re.compile(r"\s*<https?://[^>]*>")


@dataclass(slots=True, kw_only=True)
class Notes:
    """What a package's side files say, by file name."""

    titles: dict[str, str] = field(default_factory=dict)
    composers: dict[str, str] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)
    """(slot, file name) of a music set with an order of its own."""


def read_notes(members: Iterable[Member]) -> Notes:
    """Read the side files, whichever of the three forms they have."""
    notes = Notes()
    for member in members:
        text = member.path.read_text("utf-8", "replace")
        if member.name.endswith(".music"):
            _read_supertuxkart(text, notes)
        elif member.name.endswith("credits.txt"):
            _read_credits(text, notes)
        elif member.name.endswith(".obm"):
            _read_music_set(text, notes)
    return notes


def _read_supertuxkart(text: str, notes: Notes) -> None:
    try:
        music = ET.fromstring(text)  # noqa: S314 - from a signed package
    except ET.ParseError:
        return
    title, composer = clean(music.get("title")), clean(music.get("composer"))
    for attribute, suffix in (("file", ""), ("fast-filename", " (fast)")):
        if name := music.get(attribute):
            notes.titles.setdefault(name, title + suffix if title else "")
            notes.composers.setdefault(name, composer)


def _read_credits(text: str, notes: Notes) -> None:
    for line in text.splitlines():
        name, equals, composer = line.partition("=")
        if equals:
            notes.composers[name.strip().lower()] = clean(composer)


def _read_music_set(text: str, notes: Notes) -> None:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    notes.order = [(slot.strip(), name.strip()) for slot, name in parser.items("files") if name]
    notes.titles |= {name.strip(): title.strip() for name, title in parser.items("names") if title}


def pretty(name: str) -> str:
    """A readable title out of a file name."""
    stem = re.sub(r"^\d+\s*-\s*", "", PurePosixPath(name).stem)
    stem = re.sub(r"^(hr3|hr-domina|hr-savino)-", "", stem)
    stem = re.sub(r"[-_](cp|ks|jt)$", "", stem)
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)
    stem = re.sub(r"[_\-]+", " ", stem).strip()
    return stem[:1].upper() + stem[1:]


def clean(text: str | None) -> str:
    """Without links and placeholders; empty where nothing is left."""
    text = _LINK.sub("", text or "").strip()
    if text.startswith(("http://", "https://", "www.")) or text == "???" or "SoundBible" in text:
        return ""
    return re.sub(r"\s+", " ", text)


def file_name(text: str) -> str:
    """Fit for any file system."""
    return re.sub(r'[/\\\0-\x1f:*?"<>|]', "_", text).strip(" .")[:90].rstrip(" .") or "_"
