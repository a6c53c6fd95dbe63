"""The page about jobs names every state, and every kind of failure that is tried again."""

import re
from collections.abc import Iterator

import pytest

from embedder_site.env import BASE_DIR
from embeddings.errors import TrackError, all_subclasses
from embeddings.models import JobState, ResultState

PAGE = (BASE_DIR / "docs" / "jobs.md").read_text()


def table(title: str) -> Iterator[list[str]]:
    """Rows of the table below a heading."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    yield from rows[1:]


@pytest.mark.parametrize(("title", "states"), [("Jobs", set(JobState)), ("Operations", set(ResultState))])
def test_every_state_is_entered_and_no_other_is_named(title: str, states: set[str]) -> None:
    changes = list(table(title))
    assert {target for _, target, _ in changes} == states
    assert {origin for origin, _, _ in changes} <= states | {"(new)"}


def test_every_kind_of_failure_that_may_pass_is_there_with_its_attempts() -> None:
    told = {code: (int(attempts), waits) for code, attempts, waits in table("Failures that may pass")}
    passing = [kind for kind in all_subclasses(TrackError) if not kind.permanent]
    assert told == {
        f"`{kind.code}`": (
            kind.attempts,
            ", ".join(f"{kind.backoff_seconds * 2**tried:g}" for tried in range(kind.attempts - 1)),
        )
        for kind in passing
    }


@pytest.mark.parametrize("kind", all_subclasses(TrackError), ids=lambda kind: kind.code)
def test_a_failure_of_the_file_itself_is_tried_once(kind: type[TrackError]) -> None:
    assert (kind.attempts > 1) == (not kind.permanent)


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([a-z-]+\.md)", PAGE):
        assert (BASE_DIR / "docs" / target).exists()
