"""Decodes in a child of its own, so that a crash, a hang or a memory bomb costs one track and no worker."""

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self

from embeddings.audio.link import ChildLink
from embeddings.audio.summary import DecodeSummary
from embeddings.audio.wire import Kind, unpack_error, unpack_summary
from embeddings.domain import Samples
from embeddings.errors import DecoderCrashed, DecodeTimeout


class Decoder:
    """One decoding child, kept from file to file; for one thread, and as many Decoders as cores.

    A child that crashed or was killed is replaced by a fresh one for the next file. It dies with the
    thread that decoded first, which Linux takes for its parent. Use it as a context manager, or call `close`.
    """

    def __init__(self, *, max_seconds: float, stall_seconds: float, memory_mb: int) -> None:
        self._max_seconds = max_seconds
        self._stall_seconds = stall_seconds
        self._memory_mb = memory_mb
        self._link: ChildLink | None = None
        self._midway = False

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is no child."""
        return self._link.pid if self._link else None

    def decode(self, root: str, path: str, *, rate: int, channels: Literal[1, 2]) -> "Decoding":
        """Decode one file: `with decoder.decode(...) as decoding: for block in decoding: ...`.

        Args:
            root: folder of the library, in the text form of `embeddings.paths`.
            path: the file, relative to `root`, in the same form.
            rate: Hz to deliver.
            channels: 1 for mono, 2 for stereo.

        """
        request = {"root": root, "path": path, "rate": rate, "channels": channels, "max_seconds": self._max_seconds}
        return Decoding(self, json.dumps(request).encode() + b"\n", channels)

    def begin(self, request: bytes) -> ChildLink:
        """Hand a request to the child, or to a fresh one where the old one died or was left midway."""
        self.drop_unfinished()
        for _ in range(2):
            self._link = self._link or ChildLink(memory_mb=self._memory_mb, stall_seconds=self._stall_seconds)
            try:
                self._link.send(request)
                self._link.receive_header()
            except (BrokenPipeError, DecoderCrashed):
                self.close()
            else:
                self._midway = True
                return self._link
        raise RuntimeError("the decoding child ends before it reads a request; its own message is on stderr")

    def settle(self) -> None:
        """Note that the child has said everything about the file in hand."""
        self._midway = False

    def drop_unfinished(self) -> None:
        """End the child if it is in the middle of a file: what it still has to say belongs to no one."""
        if self._midway:
            self.close()

    def close(self) -> None:
        """End the child."""
        self._midway = False
        if self._link:
            self._link.kill()
            self._link = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class Decoding:
    """One file being decoded: iterate its blocks once, then read `summary`."""

    def __init__(self, decoder: Decoder, request: bytes, channels: int) -> None:
        self._decoder = decoder
        self._request = request
        self._channels = channels
        self._summary: DecodeSummary | None = None

    def __iter__(self) -> Iterator[Samples]:
        """Blocks of about a second or more: [n] mono or [n, 2] stereo float32, finite.

        The child waits while the caller does not ask for the next block, so memory stays bounded.

        Raises:
            TrackError: whatever is wrong with the file, in a sentence; also after some blocks.

        """
        try:
            link = self._decoder.begin(self._request)
            kind, size = link.receive_header()
            while kind == Kind.BLOCK:
                yield link.receive_samples(size, self._channels)
                kind, size = link.receive_header()
            content = link.receive(size)
        except (DecodeTimeout, DecoderCrashed):
            self._decoder.close()
            raise
        self._decoder.settle()
        if kind == Kind.ERROR:
            raise unpack_error(content)
        self._summary = unpack_summary(content)

    @property
    def summary(self) -> DecodeSummary:
        """What the whole file turned out to be; there after the last block."""
        if self._summary is None:
            raise RuntimeError("the file has not been decoded to its end")
        return self._summary

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._decoder.drop_unfinished()
