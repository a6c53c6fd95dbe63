import pytest

from embeddings.store.checks import REQUEST_BYTES, batches, cut_name, rows_per_request


@pytest.mark.parametrize(("dimension", "expected"), [(24, 1000), (1536, 1000), (8192, 768), (32_768, 192)])
def test_requests_are_bounded_by_rows_and_bytes(dimension: int, expected: int) -> None:
    assert rows_per_request(dimension) == expected
    assert expected * dimension * 4 <= REQUEST_BYTES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", "plain"),
        ("x" * 513, "x" * 512),
        ("x" + "ä" * 300, "x" + "ä" * 255),
        ("🎧" * 129, "🎧" * 128),
        ("a\0b", "ab"),
        ("\udcff", "?"),
    ],
)
def test_names_are_cut_at_a_whole_character(name: str, expected: str) -> None:
    assert cut_name(name) == expected


def test_batches_hold_everything_in_order() -> None:
    assert [list(batch) for batch in batches(range(5), 2)] == [[0, 1], [2, 3], [4]]
