"""What decoding a file found out about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSummary:
    """One decoded file; `warnings` are sentences for people, empty for a sound file."""

    codec: str
    source_rate: int
    """Hz, of the first samples."""
    source_channels: int
    seconds: float
    """Decoded."""
    claimed_seconds: float | None
    """By the file's own header; None when it says nothing."""
    bad_packets: int
    warnings: tuple[str, ...]
