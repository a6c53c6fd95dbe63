import dataclasses
import itertools
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embeddings.conf import StoreConfig
from embeddings.errors import BackendUnavailable
from embeddings.store import connect
from tests.embeddings.store.rows import rows
from tests.services import LiteServer, answers, until


def write_until_refused(uri: str, writer: int, acknowledged: set[str]) -> None:
    """Write three rows at a time over a connection of its own, noting those that the server confirmed."""
    store = connect(StoreConfig(uri=uri, token="", timeout_seconds=5))
    made = rows(3, dimension=256)
    for batch in itertools.count():
        new = [dataclasses.replace(row, id=f"{writer}-{batch}-{number}") for number, row in enumerate(made)]
        try:
            store.upsert("gen", new)
        except BackendUnavailable:
            return
        acknowledged.update(row.id for row in new)


def test_no_acknowledged_row_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    """With the stock server this test fails: eight writers interleave their records in the log."""
    server = LiteServer(tmp_path).start()
    store = connect(StoreConfig(uri=server.uri, token="", timeout_seconds=30))
    store.create("gen", 256)
    acknowledged: list[set[str]] = [set() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write_until_refused, server.uri, number, acknowledged[number]) for number in range(8)]
        until(lambda: all(len(found) > 900 for found in acknowledged))
        server.stop(signal.SIGKILL)
        assert [writer.result() for writer in writers] == [None] * 8
    server.start()
    stored = {key for page in store.ids("gen") for key in page}
    server.end()
    assert set().union(*acknowledged) - stored == set()


def test_a_folder_in_use_is_refused_with_a_sentence(tmp_path: Path) -> None:
    server = LiteServer(tmp_path).start()
    second = LiteServer(tmp_path)
    refused = subprocess.run(second.command(), capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert "is in use by another server" in refused.stderr.splitlines()[-1]
    assert server.end() == 0


def test_a_taken_port_is_refused_with_a_sentence(tmp_path: Path) -> None:
    server = LiteServer(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        refused = subprocess.run(server.command(), capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert f"Port {server.port} on 127.0.0.1 is taken" in refused.stderr


def test_it_says_one_line_and_listens_on_loopback_only(tmp_path: Path) -> None:
    server = LiteServer(tmp_path).start()
    sockets = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    # The kernel writes 127.0.0.1, also as an IPv6 address that stands for it, in this order of bytes.
    listening = {
        local.split(":")[0]
        for _, local, _, state, *_ in sockets[1:]
        if state == "0A" and local.endswith(f":{server.port:04X}")
    }
    assert server.end() == 0
    assert listening <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert listening
    assert (tmp_path / "milvus.log").read_text().count("\n") == 1


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    server = LiteServer(tmp_path)
    run = "import os, subprocess, sys; subprocess.run([*sys.argv[1:], str(os.getpid())])"
    parent = subprocess.Popen([sys.executable, "-c", run, *server.command(), "--die-with-parent"])
    until(lambda: answers(server.port))
    parent.kill()
    parent.wait()
    until(lambda: not answers(server.port))


def test_it_does_not_start_without_its_parent(tmp_path: Path) -> None:
    command = [*LiteServer(tmp_path).command(), "--die-with-parent", str(os.getpid() + 1)]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 1
