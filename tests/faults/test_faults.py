"""Each fault once, in the middle of a job over the sample library: nothing is lost, nothing is doubled."""

from typing import Any

import pytest

from tests.faults.running import tried

SHORT = (
    "worker stopped beyond its lease",
    "worker killed",
    "queue flushed",
    "web killed",
    "vectors killed",
    "clock moved",
    "queue killed",
    "disk full",
    "started twice",
    "cancel at the end",
    "supervisor killed",
)
"""In an order in which no service dies twice in a row, which the supervisor would wait longer for."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return tried(tmp_path_factory.mktemp("faults"), "--seed", "7", "--copies", "1", "--faults", ",".join(SHORT))


@pytest.mark.parametrize("fault", SHORT)
def test_every_operation_is_settled_once_with_its_vector(found: dict[str, dict[str, Any]], fault: str) -> None:
    trial = found[fault]
    assert trial["remarks"] == []
    assert trial["operations"] == 23
    assert trial["state"] in ({"completed", "cancelled"} if "cancel" in fault else {"completed"})
