"""The text form of file names is text for everyone and loses nothing."""

import json
import random

import pytest

from embeddings.paths import to_bytes, to_text


def test_valid_utf8_stays_as_it_is() -> None:
    assert to_text("Sigur Rós/日本語 🎵.mp3".encode()) == "Sigur Rós/日本語 🎵.mp3"


def test_other_bytes_become_private_use_characters() -> None:
    assert to_text(b"caf\xe9.mp3") == "caf\uefe9.mp3"


def test_any_bytes_come_back() -> None:
    rng = random.Random(1)
    for _ in range(3000):
        raw = bytes(rng.choice(b"a/\xc3\xa9\xee\xbe\x80\xbf\xff\xed\xa0") for _ in range(rng.randrange(12)))
        assert to_bytes(to_text(raw)) == raw


def test_two_names_never_share_a_text_form() -> None:
    assert to_text("\uef80".encode()) != to_text(b"\x80")


def test_the_text_form_survives_utf8_and_json() -> None:
    text = to_text(bytes(range(1, 256)))
    assert json.loads(json.dumps(text).encode()) == text
    assert text.encode().decode() == text


def test_lone_surrogates_are_no_text_form() -> None:
    with pytest.raises(UnicodeEncodeError):
        to_bytes("caf\udce9")
