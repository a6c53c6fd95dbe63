"""The decoding child: reads a request per line on stdin, answers with samples on stdout, owns nothing."""

import json
import os
import resource
import signal
import sys
from typing import BinaryIO

import numpy as np

from embeddings.audio.decode import DecodeLimits, stream
from embeddings.audio.locate import resolve
from embeddings.audio.wire import HEADER, Kind, pack_error, pack_summary
from embeddings.errors import DecoderCrashed, TrackError
from embeddings.lifeline import tie_to_parent


def main(parent: int, memory_mb: int) -> None:
    """Serve requests until stdin ends."""
    tie_to_parent(parent, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    limit = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not end up between our messages
    for line in sys.stdin.buffer:
        answer(line, answers)


def answer(line: bytes, answers: BinaryIO) -> None:
    """Decode one file into messages."""
    request = json.loads(line)
    send(answers, Kind.READY, b"")
    try:
        decoding = stream(
            resolve(request["root"], request["path"]),
            rate=request["rate"],
            channels=request["channels"],
            limits=DecodeLimits(max_seconds=request["max_seconds"]),
        )
        for block in decoding:
            send(answers, Kind.BLOCK, np.ascontiguousarray(block).data.cast("B"))
        send(answers, Kind.END, pack_summary(decoding.summary))
    except TrackError as error:
        send(answers, Kind.ERROR, pack_error(error))
    except MemoryError:
        # Whatever filled the memory may still be held by C code: the next file gets a fresh child.
        send(answers, Kind.ERROR, pack_error(DecoderCrashed("Decoding this file takes more memory than it may.")))
        sys.exit(0)


def send(answers: BinaryIO, kind: Kind, content: bytes | memoryview) -> None:
    """Write one message, however often the pipe is full."""
    answers.write(HEADER.pack(kind, len(content)))
    view = memoryview(content)
    while view:
        view = view[answers.write(view) :]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
