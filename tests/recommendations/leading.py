"""Asks for paths through a made-up library."""

from typing import Any

from embeddings.store.memory import MemoryStore
from recommendations.paths import Path, PathRequest, find_path
from tests.recommendations.library import MadeLibrary


def lead(made: MadeLibrary, store: MemoryStore, start: int = 0, end: int = 12, **said: Any) -> Path:
    """From one of its tracks to another."""
    request = PathRequest(start=str(made.tracks[start].pk), end=str(made.tracks[end].pk), **said)
    return find_path(request, store=store)


def ids(path: Path) -> list[str]:
    """Of its tracks."""
    return [step.candidate.id for step in path.steps]
