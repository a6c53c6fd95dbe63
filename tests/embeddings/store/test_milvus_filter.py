import random

import pytest
from milvus_lite.search.filter import parse_expr

from embeddings.domain import SearchFilter
from embeddings.store.milvus_filter import expression, quote

ALPHABET = "\"'\\\\\\\n\r\t []{}()%_,aZ0äß東🎧\u2028\x01\x7f\u0000"


@pytest.mark.parametrize("seed", range(50))
def test_quoted_text_reads_back_as_it_was(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        text = "".join(chance.choices(ALPHABET, k=chance.randrange(12)))
        assert parse_expr(f"name == {quote(text)}").right.value == text


@pytest.mark.parametrize("seed", range(20))
def test_no_text_ends_its_condition(seed: int) -> None:
    chance = random.Random(seed)
    texts = ["".join(chance.choices(ALPHABET, k=6)) for _ in range(5)]
    parsed = parse_expr(expression(SearchFilter(exclude_artist_keys=texts)))
    assert [part.value for part in parsed.values.elements] == texts


def test_an_empty_filter_is_no_condition() -> None:
    assert expression(None) == ""
    assert expression(SearchFilter()) == ""


def test_conditions_are_joined() -> None:
    where = SearchFilter(library_ids=[1, 2], exclude_ids=["a"], exclude_artist_keys=["b"], exclude_album_keys=["c"])
    assert expression(where) == (
        'library_id in [1,2] and id not in ["a"] and artist_key not in ["b"] and album_key not in ["c"]'
    )
