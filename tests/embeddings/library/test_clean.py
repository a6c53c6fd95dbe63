"""Texts that databases take and people can read."""

import unicodedata

import pytest

from embeddings.library.clean import clean_text, is_storable, name_key, seconds, whole_number


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  two   words ", "two words"),
        ("a\0b\x7f\x85c", "ab c"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("non\u00a0breaking\u3000space", "non breaking space"),
        ("\uef80 private", "\uef80 private"),
        ("\0\x01", ""),
    ],
)
def test_clean_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@pytest.mark.parametrize(
    "text", ["e\u0301" * 9, "👩\u200d👩\u200d👧" * 3, "☎\ufe0f" * 9, "a\u0301\u0302\u0303\u0304" * 4]
)
@pytest.mark.parametrize("limit", range(5, 10))
def test_a_cut_keeps_together_what_belongs_together(text: str, limit: int) -> None:
    cut = clean_text(text, limit)
    rest = text[len(cut) :]
    assert len(cut) <= limit
    assert not unicodedata.combining(rest[0])
    assert rest[0] not in "\u200d\ufe0f"
    assert not cut.endswith("\u200d")


def test_a_pile_of_accents_is_cut_all_the_same() -> None:
    assert len(clean_text("e" + "\u0301" * 5000, 512)) <= 512


@pytest.mark.parametrize(("value", "number"), [("3/12", 3), (7, 7), ("", None), (2**70, None), (1.5, None)])
def test_whole_number(value: object, number: int | None) -> None:
    assert whole_number(value, 9999) == number


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0, None, "12"])
def test_what_is_no_duration(value: object) -> None:
    assert seconds(value) is None


def test_a_key_ignores_case_spacing_and_unicode_form() -> None:
    assert name_key("Caf\u00e9  DEL Mar") == name_key("cafe\u0301 del mar")
    assert name_key("Strasse") == name_key("STRAßE")
    assert name_key("a", "bc") != name_key("ab", "c")
    assert name_key("The Band", " ") == ""


def test_a_path_must_fit_the_column_and_its_index() -> None:
    assert is_storable("x" * 2048)
    assert not is_storable("x" * 2049)
    assert not is_storable("あ" * 900)
    assert not is_storable("")
