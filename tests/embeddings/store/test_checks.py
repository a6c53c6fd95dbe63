import numpy as np
import pytest

from embeddings.store.checks import REQUEST_BYTES, Widths, batches, cut_name, requests, rows_per_request
from tests.embeddings.store.rows import row


@pytest.mark.parametrize(("dimension", "expected"), [(24, 1000), (1536, 1000), (8192, 768), (32_768, 192)])
def test_requests_are_bounded_by_rows_and_bytes(dimension: int, expected: int) -> None:
    assert rows_per_request(dimension) == expected
    assert expected * dimension * 4 <= REQUEST_BYTES


def test_both_vectors_of_a_row_count_as_its_bytes() -> None:
    wide = np.broadcast_to(np.float32(1), 16_384)
    sent = list(
        requests(
            [row(str(number), wide, joint=wide) for number in range(400)], Widths.of_row(row("a", wide, joint=wide))
        )
    )
    assert sum(len(rows) for rows in sent) == 400
    assert max(len(rows) * 2 * wide.nbytes for rows in sent) <= REQUEST_BYTES


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
