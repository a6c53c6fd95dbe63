"""Spreads the suite over the workers of pytest-xdist, whole files at a time."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.order import group_of


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker the groups of `tests.order`, in the order of their first test."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        """Keep the order that the workers found, which xdist would else change to most tests first."""
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
