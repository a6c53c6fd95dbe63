"""Fetches Debian packages and reads files out of them; installs nothing and needs no root."""

import fnmatch
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class LibraryUnavailable(Exception):
    """The library cannot be built on this machine; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file read out of a package."""

    name: str
    """Its path inside the package."""
    path: Path
    """Where its content is now."""


def require(*programs: str) -> None:
    """Refuse early where a program is missing.

    Raises:
        LibraryUnavailable: names what is missing.

    """
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise LibraryUnavailable(f"building the music library needs {', '.join(missing)} (a Debian or Ubuntu machine)")


def download(package: str, cache: Path) -> Path:
    """The package's .deb, downloaded once into the cache.

    Raises:
        LibraryUnavailable: apt-get cannot download it.

    """
    if found := sorted(cache.glob(f"{package}_*.deb")):
        return found[-1]
    partial = cache / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    outcome = subprocess.run(
        ["apt-get", "download", "-qq", package], cwd=partial, capture_output=True, text=True, check=False
    )
    found = sorted(partial.glob(f"{package}_*.deb"))
    if outcome.returncode or not found:
        sentence = outcome.stderr.strip()[-300:]
        raise LibraryUnavailable(f"apt-get download {package}: {sentence} - has `apt-get update` been run?")
    return found[-1].rename(cache / found[-1].name)


def extract(deb: Path, patterns: Sequence[str], target: Path) -> list[Member]:
    """Copy the matching regular files of a package into `target`, under short names."""
    target.mkdir(parents=True, exist_ok=True)
    members: list[Member] = []
    with open_package(deb) as archive:
        for entry in archive:
            name = entry.name.removeprefix("./")
            source = archive.extractfile(entry) if entry.isreg() and matches(name, patterns) else None
            if source is None:
                continue
            path = target / f"{len(members):04d}{Path(name).suffix.lower()}"
            with path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            members.append(Member(name=name, path=path))
    return sorted(members, key=lambda member: member.name)


@contextmanager
def open_package(deb: Path) -> Iterator[tarfile.TarFile]:
    """The package's files as a stream, to be read in order."""
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
    ):
        yield archive


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether any of the globs matches; `*` also crosses `/`."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def licence_rules(copyright_text: str) -> list[tuple[str, str]]:
    """(glob of upstream files, licence) of a machine-readable debian/copyright; the last match counts."""
    if not re.match(r"\s*Format:", copyright_text):
        return []
    rules = []
    for stanza in re.split(r"\n\s*\n", copyright_text):
        files = re.search(r"^Files:((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        licence = re.search(r"^License:[ \t]*(.*)", stanza, re.MULTILINE)
        if files and licence:
            rules += [(pattern, licence.group(1).strip()) for pattern in files.group(1).split()]
    return rules
