"""Four workers on one job on PostgreSQL, where its programs are installed."""

from pathlib import Path

import pytest

from tests.faults.running import tried
from tests.postgres import Cluster, programs


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")
def test_four_workers_settle_every_operation_once_though_one_is_killed(tmp_path: Path) -> None:
    with Cluster() as cluster:
        options = ["--database", cluster.url(), "--workers", "4", "--copies", "1", "--faults", "worker killed"]
        found = tried(tmp_path, *options)
    assert found["worker killed"]["remarks"] == []
    assert (found["worker killed"]["operations"], found["worker killed"]["state"]) == (23, "completed")
