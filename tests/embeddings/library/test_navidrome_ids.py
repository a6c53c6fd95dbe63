"""Following Navidrome's rewriting of ids; the pairs are from its own migration and from a real upgrade."""

import pytest

from embeddings.library.navidrome_ids import canonical, encode


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("e3b7fc2ae9447bbec37a13bf916e3cf6", "6VHl3uR4kss6sUPKA8Cwnk"),
        ("KhehcqGKwAIL6Ux3Ah0yDC", "6owyzFEyktb6jxHvAYbn6w"),
        ("6VHl3uR4kss6sUPKA8Cwnk", "6VHl3uR4kss6sUPKA8Cwnk"),
        ("7N42dgm5tFLK9N8MT7fHC7", "7N42dgm5tFLK9N8MT7fHC7"),
        ("", ""),
        ("not an id", "not an id"),
        ("-----------22---------", "-----------22---------"),
    ],
)
def test_canonical_is_what_navidrome_writes(old: str, new: str) -> None:
    assert canonical(old) == new


def test_a_uuid_is_its_sixteen_bytes() -> None:
    assert canonical("f47ac10b-58cc-4372-a567-0e02b2c3d479") == canonical("f47ac10b58cc4372a5670e02b2c3d479")


def test_canonical_stays_canonical() -> None:
    once = canonical("zzzzzzzzzzzzzzzzzzzzzz")
    assert canonical(once) == once != "zzzzzzzzzzzzzzzzzzzzzz"


def test_the_smallest_and_the_largest_have_22_digits() -> None:
    assert encode(bytes(16)) == "0" * 22
    assert encode(b"\xff" * 16) == "7N42dgm5tFLK9N8MT7fHC7"
