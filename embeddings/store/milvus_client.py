"""One client of one Milvus server: opened late, shared by threads, bounded in time, with errors sorted by fault."""

import logging
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException, ParamError

from embeddings.conf import StoreConfig
from embeddings.errors import BackendUnavailable
from embeddings.store.base import CollectionMissing

CONNECT_SECONDS = 10.0
"""A server that runs answers a connection in far less; the rest of the timeout is for the work."""

CHANNEL_OPTIONS = {
    # Otherwise all channels of a process share one connection, and with it a pause after failures that doubles to
    # two minutes: a server that is back would go on being "unavailable".
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
}

CONNECT_FAILED = 2
COLLECTION_NOT_FOUND = 100
NOT_LOADED = 101
CALLER_CODES = frozenset({6, 1100, 1101, 1102})
"""The server understood and refused: we sent what we should not have."""

CLIENT_ERRORS = (MilvusException, grpc.RpcError, grpc.FutureTimeoutError)


class NotLoaded(Exception):
    """The server restarted and has the collection on disk only."""


class Client:
    """Calls of `pymilvus.MilvusClient` by name, each within the configured time."""

    def __init__(self, config: StoreConfig) -> None:
        parts = urlsplit(config.uri)
        if parts.scheme not in {"http", "https", "tcp", "unix"}:
            raise ValueError("The address of the vector store has to look like http://host:19530.")
        self.address = f"{parts.scheme}://{parts.hostname}:{parts.port or 19530}" if parts.hostname else config.uri
        """Where the server is, without the credentials that a URI may carry."""
        self._config = config
        self._opening = threading.Lock()
        self._client: MilvusClient | None = None

    def call(self, method: str, **arguments: Any) -> Any:
        """What the method answers; a call that found the connection gone is made once more.

        Raises:
            BackendUnavailable: no answer in time, or the server could not do it.
            CollectionMissing: the server has no such collection.
            NotLoaded: the collection has to be loaded first.
        """
        deadline = time.monotonic() + self._config.timeout_seconds
        try:
            return self._attempt(method, deadline, arguments)
        except CLIENT_ERRORS as error:
            if not _connection_lost(error) or time.monotonic() >= deadline:
                raise self._sorted(method, arguments, error) from error
        try:
            return self._attempt(method, deadline, arguments)
        except CLIENT_ERRORS as error:
            raise self._sorted(method, arguments, error) from error

    def close(self) -> None:
        """Give the connection back; the next call opens another."""
        with self._opening:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _attempt(self, method: str, deadline: float, arguments: dict[str, Any]) -> Any:
        client = self._open()
        left = max(0.001, deadline - time.monotonic())
        return getattr(client, method)(timeout=left, **arguments)

    def _open(self) -> MilvusClient:
        with self._opening:
            if self._client is None:
                # Importing pymilvus sets this to WARNING with a handler of its own: a traceback for every error,
                # also for those that are answers (an alias that does not exist). We raise them all, with a sentence.
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
                self._client = MilvusClient(
                    self._config.uri,
                    token=self._config.token,
                    timeout=min(CONNECT_SECONDS, self._config.timeout_seconds),
                    dedicated=True,
                    grpc_options=CHANNEL_OPTIONS,
                )
            return self._client

    def _sorted(self, method: str, arguments: dict[str, Any], error: Exception) -> Exception:
        code = getattr(error, "code", None)
        if code == COLLECTION_NOT_FOUND:
            return CollectionMissing(str(arguments.get("collection_name", arguments.get("alias", ""))))
        if code == NOT_LOADED:
            return NotLoaded(str(error))
        if isinstance(error, ParamError) or code in CALLER_CODES or isinstance(error.__cause__, TypeError):
            return error
        return BackendUnavailable(
            f"The vector store at {self.address} could not {method.replace('_', ' ')}: {_sentence(error)}"
        )


def _connection_lost(error: Exception) -> bool:
    code = error.code() if isinstance(error, grpc.RpcError) else getattr(error, "code", None)
    return code in (CONNECT_FAILED, grpc.StatusCode.UNAVAILABLE)


def _sentence(error: Exception) -> str:
    if isinstance(error, grpc.RpcError):
        return str(error.details() or error.code().name)
    return str(getattr(error, "message", "")) or type(error).__name__
