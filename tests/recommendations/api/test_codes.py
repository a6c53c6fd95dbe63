"""Every code with which a recommendation can be refused stands in the table that callers read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import embeddings
import recommendations

ROOT = Path(recommendations.__file__).parents[1]
ELSEWHERE = ("management", "logbook", "prompt_templates")
"""Packages whose refusals only the command line and Python get to see."""
BELOW = ("errors.py", "embedders/outside.py", "embedders/muq_text.py", "jobs/prompts.py", "store/filters.py")
"""What of `embeddings` refuses a recommendation."""


def sources() -> list[Path]:
    own = Path(recommendations.__file__).parent
    found = [path for path in own.rglob("*.py") if path.relative_to(own).parts[0] not in ELSEWHERE]
    return sorted([*found, *(Path(embeddings.__file__).parent / name for name in BELOW)])


def codes(source: Path) -> Iterator[str]:
    """Values of all `code=` of a module; of one that is made of a name, by all names that it is made of."""
    tree = ast.parse(source.read_text())
    said = {ast.unparse(one.targets[0]): one.value for one in tree.body if isinstance(one, ast.Assign)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for value in [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "code"]:
        if isinstance(value, ast.JoinedStr):
            made_by = next(node for node in tree.body if value in ast.walk(node))
            name = getattr(made_by, "name", "")
            names = [call.args[0] for call in calls if ast.unparse(call.func) == name]
            yield from (ast.unparse(value)[2:-1].replace("{name}", ast.literal_eval(one)) for one in names)
        else:
            yield ast.literal_eval(said[value.id] if isinstance(value, ast.Name) else value)


def documented() -> set[str]:
    """Codes in the second column of the table of errors."""
    page = (ROOT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| [45]\d\d[^|]*\|([^|]*)\|", page, flags=re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`(\w+)`", row)}


def test_every_code_stands_in_the_table() -> None:
    found = {code for source in sources() for code in codes(source)}
    assert {"nothing_asked", "no_text", "bad_strength", "not_embedded", "labels_lacking"} <= found
    assert found - documented() == set()
