"""The form that Navidrome 0.64 gave to the ids of earlier versions, so that stored ids can be followed."""

import hashlib
import re
import uuid

# Go's order of base 62 digits.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_LENGTH = 22
_HEX = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def canonical(old: str) -> str:
    """The id that Navidrome's migration 20260720015443 writes in place of `old`.

    Ids are 128 bits in 22 base 62 digits. MD5 and UUID ids are written anew; random ids that
    are too large for 128 bits become the digest of their own text; all others stay.
    """
    if len(old) == _LENGTH and all(char in _VALUES for char in old):
        return old if _decode(old).bit_length() <= 128 else encode(hashlib.md5(old.encode()).digest())  # noqa: S324
    if _HEX.fullmatch(old):
        return encode(bytes.fromhex(old.replace("-", "")))
    return old


def forms(name: str) -> tuple[str, ...]:
    """Every id, this one first, that something of this id may have had or got: as it is, as 0.64 writes it, as before.

    What came before can be told of an MD5 or a UUID; the digest of a random id's text leads back to nothing.
    """
    now = canonical(name)
    return tuple(dict.fromkeys((name, now, *_before(now))))


def encode(digest: bytes) -> str:
    """16 bytes as 22 base 62 digits."""
    rest, digits = int.from_bytes(digest, "big"), ""
    while rest:
        rest, digit = divmod(rest, 62)
        digits = _DIGITS[digit] + digits
    return digits.rjust(_LENGTH, "0")


def _before(current: str) -> tuple[str, ...]:
    value = _decode(current) if len(current) == _LENGTH and all(char in _VALUES for char in current) else -1
    if not 0 <= value < 1 << 128:
        return ()
    digest = value.to_bytes(16, "big")
    return digest.hex(), str(uuid.UUID(bytes=digest))


def _decode(text: str) -> int:
    value = 0
    for char in text:
        value = value * 62 + _VALUES[char]
    return value
