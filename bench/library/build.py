"""Builds the library: LIBRARY/<Album artist>/<Album>/NN - <Title>.<ext> and LIBRARY/manifest.json."""

import fnmatch
import json
import logging
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from bench.library.debian import LibraryUnavailable, Member, download, extract, licence_rules, matches, require
from bench.library.packages import PACKAGES, SMALL, SMALL_MIDI_TRACKS, SOUNDFONT, Package
from bench.library.render import MODULES, make, probe
from bench.library.titles import Notes, clean, file_name, pretty, read_notes
from bench.library.versions import version_group

logger = logging.getLogger(__name__)

RECIPE = 1
"""Changes whenever the same packages would give other files."""
MIN_SECONDS = 30.0
OPENMSX_ALBUMS = {"theme": ("Old Style", "flac"), "old": ("Old Style", "flac"), "new": ("New Style", "m4a")}

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One file to be made, with all that the manifest will say about it."""

    source: Member
    target: str
    """Relative to the library; only the extension until it is numbered."""
    tags: dict[str, str]
    entry: Entry


def build(library: Path, cache: Path, *, small: bool = False) -> list[Entry]:
    """Make what is missing of the library, and return its manifest's tracks.

    Raises:
        LibraryUnavailable: a program or a package cannot be had here.

    """
    tracks = _read(library, small=small)
    wanted = [package for package in PACKAGES if not small or package.name in SMALL]
    missing = [package for package in wanted if package.name not in {track["package"] for track in tracks}]
    if not missing:
        return tracks
    require("apt-get", "dpkg-deb", "ffmpeg", "fluidsynth")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        soundfont = extract(download(SOUNDFONT[0], cache), [SOUNDFONT[1]], Path(scratch) / "soundfont")[0].path
        for package in missing:
            songs = _plan(package, library, download(package.name, cache), Path(scratch) / package.name, small=small)
            tracks += _make_all(songs, library, soundfont)
            _write(library, tracks, small=small)
            logger.info("built package=%s tracks=%d", package.name, len(songs))
    return tracks


def _read(library: Path, *, small: bool) -> list[Entry]:
    """The manifest's tracks, without the packages of which a file is missing or has changed."""
    manifest = library / "manifest.json"
    if not manifest.exists():
        return []
    content = json.loads(manifest.read_text())
    if content.get("recipe") != RECIPE or content.get("small") != small:
        raise LibraryUnavailable(f"{library} was made by another recipe; choose an empty folder or delete it first")
    tracks: list[Entry] = content["tracks"]
    broken = {track["package"] for track in tracks if not _intact(library, track)}
    return [track for track in tracks if track["package"] not in broken]


def _intact(library: Path, track: Entry) -> bool:
    path = library / track["path"]
    return path.exists() and bool(path.stat().st_size == track["bytes"])


def _write(library: Path, tracks: list[Entry], *, small: bool) -> None:
    partial = library / "manifest.json.new"
    partial.write_text(json.dumps({"recipe": RECIPE, "small": small, "tracks": tracks}, indent=1, ensure_ascii=False))
    partial.rename(library / "manifest.json")


def _plan(package: Package, library: Path, deb: Path, scratch: Path, *, small: bool) -> list[Song]:
    """Read a package and decide names, tags and licence of every song in it."""
    copyright_name = f"usr/share/doc/{package.name}/copyright"
    members = extract(deb, [*package.music, *package.notes, copyright_name], scratch)
    notes = read_notes(member for member in members if matches(member.name, package.notes))
    text = next((member.path.read_text("utf-8", "replace") for member in members if member.name == copyright_name), "")
    licences = library / ".licences"
    licences.mkdir(parents=True, exist_ok=True)
    (licences / f"{package.name}.copyright").write_text(text)
    music = [member for member in members if matches(member.name, package.music)]
    music = [member for member in music if PurePosixPath(member.name).name not in package.skip]
    rank = {name: place for place, (_, name) in enumerate(notes.order)}
    music.sort(key=lambda member: (rank.get(PurePosixPath(member.name).name, len(rank)), member.name))
    if small and rank:
        music = music[:SMALL_MIDI_TRACKS]
    return _name_all(package, music, notes, licence_rules(text))


def _name_all(package: Package, music: list[Member], notes: Notes, rules: list[tuple[str, str]]) -> list[Song]:
    probes = [probe(member.path) for member in music]
    titles = Counter(clean(found.tags.get("title")) for found in probes if found)
    numbers: Counter[str] = Counter()
    songs = []
    for member, found in zip(music, probes, strict=True):
        if found and member.path.suffix not in MODULES and found.seconds < MIN_SECONDS:
            continue
        tagged = clean(found.tags.get("title")) if found and package.trust_title_tags else ""
        if titles[tagged] > 2 or tagged.endswith((".mp3", ".wav", ".ogg")):
            tagged = ""  # one title copied over several files, or a file name
        title = clean(notes.titles.get(PurePosixPath(member.name).name)) or tagged or pretty(member.name)
        song = _name(package, member, notes, title, found.tags if found else {})
        numbers[song.tags["album"]] += 1
        songs.append(_number(song, numbers[song.tags["album"]], _licence(package, member, rules)))
    return songs


def _name(package: Package, member: Member, notes: Notes, title: str, found: dict[str, str]) -> Song:
    name = PurePosixPath(member.name).name
    album, extension = _album(package, member, notes)
    artist = _composer(package, name, notes, found)
    style = next((style for pattern, style in package.styles if fnmatch.fnmatchcase(name, pattern)), package.style)
    tags = {"title": title, "artist": artist, "albumartist": package.artist, "album": album}
    tags["genre"] = clean(found.get("genre")) or style
    entry: Entry = {key: tags[key] for key in ("title", "artist", "albumartist", "album")}
    entry |= {"package": package.name, "source_path": member.name, "style": style}
    entry |= {"style_source": package.style_source, "version_group": version_group(package.name, member.name)}
    return Song(source=member, target=extension, tags=tags, entry=entry)


def _number(song: Song, number: int, licence: str) -> Song:
    """With its place in the album, which decides its file name."""
    folder = f"{file_name(song.tags['albumartist'])}/{file_name(song.tags['album'])}"
    target = f"{folder}/{number:02d} - {file_name(song.tags['title'])}.{song.target}"
    entry = {**song.entry, "path": target, "licence": licence}
    return replace(song, target=target, tags={**song.tags, "tracknumber": str(number)}, entry=entry)


def _licence(package: Package, member: Member, rules: list[tuple[str, str]]) -> str:
    upstream = package.upstream + member.name.removeprefix(package.installed)
    return next((rule[1] for rule in reversed(rules) if fnmatch.fnmatchcase(upstream, rule[0])), package.licence)


def _composer(package: Package, name: str, notes: Notes, found: dict[str, str]) -> str:
    """From the package's list, else from our table, else from the tags, else the game."""
    listed = notes.composers.get(name) or notes.composers.get(name.lower())
    known = next((who for pattern, who in package.composers if fnmatch.fnmatchcase(name, pattern)), "")
    return clean(listed) or known or clean(found.get("artist")) or clean(found.get("composer")) or package.artist


def _album(package: Package, member: Member, notes: Notes) -> tuple[str, str]:
    """(album, file extension); the MIDI set is three albums in three formats."""
    suffix = member.path.suffix[1:]
    if not notes.order:
        return package.album or package.artist, "mp3" if member.path.suffix in MODULES else suffix
    slot = next((slot for slot, name in notes.order if name == PurePosixPath(member.name).name), "")
    album, extension = OPENMSX_ALBUMS.get(slot.split("_")[0], ("Ezy Street", "mp3"))
    return f"OpenMSX: {album}", extension


def _make_all(songs: list[Song], library: Path, soundfont: Path) -> list[Entry]:
    with ThreadPoolExecutor(2) as pool:
        for made in [
            pool.submit(make, song.source.path, library / song.target, song.tags, soundfont=soundfont) for song in songs
        ]:
            made.result()
    return [entry for song in songs if (entry := _measured(song, library))]


def _measured(song: Song, library: Path) -> Entry | None:
    """The entry with what only the finished file tells; a file that turned out too short is taken away."""
    path = library / song.target
    found = probe(path)
    if found is None or found.seconds < MIN_SECONDS:
        path.unlink()
        return None
    return {**song.entry, "duration": round(found.seconds, 3), "codec": found.codec, "bytes": path.stat().st_size}
