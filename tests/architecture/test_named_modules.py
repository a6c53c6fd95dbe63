"""Modules that the pages name are there, under the names that they have now."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from embedder_site.env import BASE_DIR

PAGES = sorted([BASE_DIR / "README.md", *(BASE_DIR / "docs").glob("*.md")])
ROOMS = ("bench", "embedder_site", "embeddings", "recommendations", "tests")
MODULES = sorted(
    f"/{path.relative_to(BASE_DIR).as_posix()}"
    for path in chain(BASE_DIR.glob("*.py"), *((BASE_DIR / room).rglob("*.py") for room in ROOMS))
)
WRITTEN_BY_THE_READER = {"embeddings/embedders/brightness.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_every_module_that_a_page_names_is_there(page: Path) -> None:
    named = set(re.findall(r"(?<![\w./*<-])[a-z_]\w*(?:/\w+)*\.py\b", page.read_text())) - WRITTEN_BY_THE_READER
    assert [name for name in sorted(named) if not list(files(f"/{name}"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_every_dotted_name_of_a_module_is_one(page: Path) -> None:
    named = set(re.findall(r"`([a-z_]\w*(?:\.[a-z_]\w*)+)`", page.read_text()))
    rooms = {part for module in MODULES for part in module.split("/")[1:-1]}
    ours = sorted(name for name in named if name.partition(".")[0] in rooms and not name.endswith(".py"))
    assert [name for name in ours if not is_there(name)] == []


def is_there(name: str) -> bool:
    """Whether it is a module or a package, or stands at the left edge of one."""
    path = "/" + name.replace(".", "/")
    if any(chain(files(f"{path}.py"), files(f"{path}/__init__.py"))):
        return True
    inside, _, said = path.rpartition("/")
    edge = re.compile(rf"^(?:async )?(?:def |class )?{said}\b", re.MULTILINE)
    return any(edge.search((BASE_DIR / module[1:]).read_text()) for module in files(f"{inside}.py"))


def files(end: str) -> Iterator[str]:
    """Modules whose path ends so."""
    return (module for module in MODULES if module.endswith(end))
