"""Sites that tests may use: one that many look at, and empty folders for those that break theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedder_site.running import Site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running site; tests may end its children, not its supervisor."""
    running = Site(tmp_path_factory.mktemp("site"))
    yield running.start()
    running.end()
    running.clear_away()


@pytest.fixture
def stopped_site(tmp_path: Path) -> Iterator[Site]:
    """A site that nobody has started."""
    made = Site(tmp_path / "var")
    yield made
    made.clear_away()
