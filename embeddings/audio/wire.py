"""How a decoding child answers: a header of five bytes, then that many bytes of content."""

import json
import struct
from dataclasses import asdict
from enum import IntEnum
from typing import Any

from embeddings.audio.summary import DecodeSummary
from embeddings.errors import TrackError, all_subclasses

HEADER = struct.Struct("<BI")


class Kind(IntEnum):
    """What a message holds."""

    READY = 0
    """Nothing; the child has read a request and starts on it."""
    BLOCK = 1
    """float32 samples, native order, channels interleaved."""
    END = 2
    """The summary, as JSON."""
    ERROR = 3
    """A track error, as JSON `{code, message}`."""


def pack_summary(summary: DecodeSummary) -> bytes:
    """Content of an END message."""
    return json.dumps(asdict(summary)).encode()


def unpack_summary(content: bytes) -> DecodeSummary:
    """The summary that an END message holds."""
    fields: dict[str, Any] = json.loads(content)
    return DecodeSummary(**{**fields, "warnings": tuple(fields["warnings"])})


def pack_error(error: TrackError) -> bytes:
    """Content of an ERROR message."""
    return json.dumps({"code": error.code, "message": str(error)}).encode()


def unpack_error(content: bytes) -> TrackError:
    """The error that an ERROR message holds, of its own class again."""
    fields: dict[str, str] = json.loads(content)
    kinds = {kind.code: kind for kind in all_subclasses(TrackError)}
    return kinds[fields["code"]](fields["message"])
