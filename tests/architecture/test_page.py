"""The page about the architecture knows every module of the work room, and every room."""

import re
from pathlib import Path

import pytest

from embedder_site.env import BASE_DIR

EVERYWHERE = {"__init__", "apps", "migrations"}
"""What every app has, and Django asks for."""


def page() -> str:
    return (BASE_DIR / "docs" / "architecture.md").read_text()


def named_in(column: int, head: str) -> list[str]:
    """What the cells of one column of the table with this head name."""
    rows = page().partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return re.findall(r"`(\w+)`", "".join(row.split(" | ")[column] for row in rows))


def rooms(folder: Path) -> set[str]:
    """Modules and packages of a folder."""
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    return there - EVERYWHERE


@pytest.mark.parametrize(
    ("column", "head", "folder"),
    [(1, "group", "embeddings/jobs"), (0, "room of recommendations", "recommendations")],
)
def test_everything_has_one_place_in_its_table(column: int, head: str, folder: str) -> None:
    named = named_in(column, head)
    assert len(named) == len(set(named))
    assert set(named) == rooms(BASE_DIR / folder)


def test_every_room_of_embeddings_is_in_the_drawing() -> None:
    drawing = page().partition("\nembeddings/\n")[2].partition("```")[0]
    # Names stand before two blanks, and are set apart by commas, or as folders by two blanks.
    named = re.findall(r"\b(\w+)/?", " ".join(re.split(r"(?<=[\w,/]) {3,}", line)[0] for line in drawing.splitlines()))
    assert set(named) >= rooms(BASE_DIR / "embeddings")
