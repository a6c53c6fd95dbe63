"""The parent's end of one decoding child: starts it, talks to it, notices its silence or its death."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import embeddings
from embeddings.audio.wire import HEADER, Kind
from embeddings.errors import DecoderCrashed, DecodeTimeout

_PIPE_BYTES = 1 << 20
_KILL_SECONDS = 2.0

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class ChildLink:
    """One running child; every wait for it ends after `stall_seconds` without a byte."""

    def __init__(self, *, memory_mb: int, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._child = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            [sys.executable, "-P", "-m", "embeddings.audio.child", str(os.getpid()), str(memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(),
        )
        if self._child.stdin is None or self._child.stdout is None:
            raise RuntimeError("the decoding child has no pipes")
        self._requests, self._answers = self._child.stdin, self._child.stdout
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            # Fewer switches between two processes; a system that allows no larger pipe works all the same.
            with suppress(OSError):
                fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def send(self, request: bytes) -> None:
        """Write one request line.

        Raises:
            BrokenPipeError: the child is gone.

        """
        self._requests.write(request)

    def receive_header(self) -> tuple[Kind, int]:
        """Kind and length of the next message.

        Raises:
            DecodeTimeout: no byte for `stall_seconds`.
            DecoderCrashed: the child died.

        """
        kind, size = HEADER.unpack(self.receive(HEADER.size))
        return Kind(kind), size

    def receive(self, size: int) -> bytes:
        """The next `size` bytes; raises like `receive_header`."""
        content = bytearray(size)
        self._fill(memoryview(content))
        return bytes(content)

    def receive_samples(self, size: int, channels: int) -> NDArray[np.float32]:
        """The next `size` bytes as samples, read straight into their array; raises like `receive_header`."""
        samples = np.empty(size // 4, np.float32)
        self._fill(samples.data.cast("B"))
        return samples if channels == 1 else samples.reshape(-1, channels)

    def kill(self) -> None:
        """End the child now."""
        self._child.kill()
        self._requests.close()
        self._answers.close()
        # One that hangs in a system call of a dead network disk dies when that call ends; nobody waits for it.
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_KILL_SECONDS)

    def _fill(self, view: memoryview) -> None:
        deadline = time.monotonic() + self._stall_seconds
        while view:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise DecodeTimeout(f"The decoder gave no sound for {self._stall_seconds:g} s and was stopped.")
            count = self._answers.readinto(view)  # type: ignore[attr-defined]  # bufsize=0 gives a FileIO
            if not count:
                raise DecoderCrashed(self._obituary())
            view = view[count:]
            deadline = time.monotonic() + self._stall_seconds

    def _obituary(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_KILL_SECONDS)
        code = self._child.returncode
        if code is not None and code < 0:
            return f"The decoder died on this file ({signal.Signals(-code).name})."
        return f"The decoder ended on this file without an answer (exit code {code})."


def _environment() -> dict[str, str]:
    """Nothing of our own: a child that reads strangers' files has no use for our passwords."""
    places = [str(Path(embeddings.__path__[0]).parent), *sys.path]
    return {"PYTHONPATH": os.pathsep.join(str(Path(place).resolve()) for place in places if place), **_ONE_THREAD}
