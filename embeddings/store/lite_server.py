"""Milvus Lite on one local port, guarded for several writers: `python -m embeddings.store.lite_server`.

The stock server dispatches calls on threads while its engine expects one writer. Two things went wrong there:
interleaved write-ahead records (most acknowledged rows were gone after a crash) and rows that no reader sees while
a flush moves them. Both end when every call that writes takes its turn. Searches, and queries for ids, need none:
our collections show them one consistent state (see `lite_view`). Other queries take their turn with the writers.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits

from embeddings.lifeline import tie_to_parent

log = logging.getLogger("embeddings.store.lite_server")

HOST = "127.0.0.1"
"""There is no authentication, so nothing but this machine may connect."""
MESSAGE_BYTES = 64 * 1024 * 1024
"""What a production server accepts; the stock Lite server takes four times that."""
MEMTABLE_BYTES = 16_000_000
"""Rows wait unindexed, and are searched by slow Python, until this many bytes are flushed."""
THREADS = 32
"""More than the writers that can wait for their turn, so that searches always find a thread."""

CONCURRENT = frozenset({
    "CheckHealth", "Connect", "DescribeAlias", "DescribeCollection", "DescribeIndex", "GetFlushState",
    "GetLoadState", "GetLoadingProgress", "GetVersion", "HasCollection", "HybridSearch", "ListAliases",
    "ListDatabases", "Query", "Search", "ShowCollections",
})  # fmt: skip
"""Calls that need no turn, or take it themselves; everything else, also what may be added, is serialised."""

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    # Clients ping every ten seconds; the default answer to that is GOAWAY "too_many_pings".
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
]


class TakeTurns(grpc.ServerInterceptor):  # type: ignore[misc]
    """Runs one call at a time, except those in `CONCURRENT`."""

    def __init__(self, turn: threading.Lock) -> None:
        self._turn = turn

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Wrap the handler of a call that has to take its turn."""
        found = continuation(handler_call_details)
        if found is None or handler_call_details.method.rsplit("/", 1)[-1] in CONCURRENT:
            return found
        inner = found.unary_unary

        def in_turn(request: Any, context: Any) -> Any:
            with self._turn:
                return inner(request, context)

        return grpc.unary_unary_rpc_method_handler(
            in_turn, request_deserializer=found.request_deserializer, response_serializer=found.response_serializer
        )


def open_database(folder: Path) -> Any:
    """Open the data folder and load every collection, as a production server does after a restart.

    Raises:
        SystemExit: another server has the folder open.
    """
    # Read once, when milvus_lite is first imported.
    os.environ.setdefault("MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES", str(MEMTABLE_BYTES))
    from milvus_lite.exceptions import DataDirLockedError  # noqa: PLC0415 - must follow the line above

    from embeddings.store.lite_engine import Database, install  # noqa: PLC0415 - must follow the line above
    from embeddings.store.lite_filters import install_array_filters  # noqa: PLC0415 - must follow the line above

    install()
    install_array_filters()
    try:
        database = Database(str(folder))
    except DataDirLockedError:
        sys.exit(f"The vector store's folder {folder} is in use by another server; stop that one first.")
    database.load_all()
    # Several models search at once; threads that wait for each other within one product of matrices burn three times
    # the time where other work keeps the cores busy.
    threadpool_limits(limits=1, user_api="blas")
    return database


def serve(database: Any, port: int, stopped: "SimpleQueue[None]") -> None:
    """Answer on the port until `stopped` holds something, then finish the calls in progress.

    Raises:
        SystemExit: the port is taken.
    """
    from pymilvus.grpc_gen import milvus_pb2_grpc  # noqa: PLC0415 - costs a second that a refused start need not pay

    from embeddings.store.lite_engine import Servicer  # noqa: PLC0415 - see `open_database`

    turn = threading.Lock()
    server = grpc.server(ThreadPoolExecutor(THREADS), interceptors=[TakeTurns(turn)], options=CHANNEL_OPTIONS)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Servicer(database, turn), server)
    try:
        bound = server.add_insecure_port(f"{HOST}:{port}")
    except RuntimeError:
        sys.exit(f"Port {port} on {HOST} is taken; the vector store cannot listen there.")
    server.start()
    log.info("vector store ready host=%s port=%d", HOST, bound)
    stopped.get()
    server.stop(grace=5).wait()


def main() -> None:
    """Parse the command line and serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m embeddings.store.lite_server", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--die-with-parent", type=int, metavar="PID", help="end when this parent ends")
    given = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    log.setLevel(logging.INFO)
    # Unlike an Event, it may be filled by a signal that interrupts another one doing so.
    stopped: SimpleQueue[None] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.put(None))
    if given.die_with_parent is not None:
        tie_to_parent(given.die_with_parent, signal.SIGTERM)
    database = open_database(given.data_dir)
    try:
        serve(database, given.port, stopped)
    finally:
        database.close()


if __name__ == "__main__":
    main()
