"""Which tests begin first, and which never run side by side, where several workers share the suite."""

import pytest

TOGETHER = {
    "tests/faults/": "faults",
    "tests/embedder_site/": "supervisors",
    "tests/embeddings/test_adding_a_model.py": "supervisors",
}
"""Tests of one worker, one after the other: each wants the machine, or the ports that a supervisor takes first."""
LONGEST = (
    "tests/faults/",
    "tests/golden/test_agreement",
    "tests/embedder_site/",
    "tests/embeddings/jobs/test_four_models",
)
"""They begin first, so that no worker is left with one of them when the others have ended."""


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests that take long in front; the rest keeps its order."""
    ranks = {path: rank for rank, path in enumerate(LONGEST)}
    items.sort(key=lambda item: min((rank for path, rank in ranks.items() if item.nodeid.startswith(path)), default=99))


def group_of(nodeid: str) -> str:
    """Name what a test runs together with: its file, as their tests share what was made for the first of them."""
    return next((name for path, name in TOGETHER.items() if nodeid.startswith(path)), nodeid.split("::", 1)[0])
