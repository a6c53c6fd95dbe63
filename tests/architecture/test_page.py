"""The page about the architecture knows every module of the work room."""

import re

from embedder_site.env import BASE_DIR

ROOM = BASE_DIR / "embeddings" / "jobs"


def test_every_module_of_the_work_room_has_its_place() -> None:
    page = (BASE_DIR / "docs" / "architecture.md").read_text()
    table = page.partition("| group | modules |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", "".join(line.split(" | ")[1] for line in table.splitlines()[2:]))
    there = {path.stem for path in ROOM.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert len(named) == len(set(named))
    assert set(named) == there - {"__init__"}
