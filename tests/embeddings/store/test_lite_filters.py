import random
import time
from typing import Any

import pyarrow as pa
import pytest
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.search.filter import compile_filter
from milvus_lite.search.filter.eval import evaluate_arrow, evaluate_python

from embeddings.store.lite_filters import by_columns_or

SCHEMA = CollectionSchema(
    fields=[
        FieldSchema(name="id", dtype=DataType.VARCHAR, max_length=36, is_primary=True),
        FieldSchema(name="year", dtype=DataType.INT64),
        FieldSchema(name="seconds", dtype=DataType.DOUBLE),
        FieldSchema(name="missing", dtype=DataType.BOOL),
        FieldSchema(name="genres", dtype=DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=16),
    ]
)
GENRES = ["jazz", "rock", "äö 東京", 'odd "\\', ""]
SAYINGS = [
    'array_contains_any(genres, ["jazz"])',
    'not array_contains_any(genres, ["jazz", "rock"])',
    'array_contains_any(genres, ["äö 東京", "odd \\"\\\\"]) and year > 0 and not array_contains_any(genres, ["rock"])',
    'array_contains_any(genres, [""]) or (missing == false and seconds <= 100.5)',
    'id not in ["3", "5"] and (not array_contains_any(genres, ["no such"]) or year in [1999])',
    'array_contains_all(genres, ["jazz", "rock"])',
    'array_contains(genres, "jazz") and array_contains_any(genres, ["rock"])',
    "array_length(genres) > 1 and missing == true",
    'array_contains_any(genres, ["jazz"]) and genres[0] == "rock"',
]


def table(count: int, chunks: int = 1) -> pa.Table:
    chance = random.Random(count)
    kinds = pa.schema([("id", pa.string()), ("year", pa.int64()), ("seconds", pa.float64()), ("missing", pa.bool_()),
                       ("genres", pa.list_(pa.string()))])  # fmt: skip
    made = [
        {
            "id": str(number),
            "year": chance.choice([0, 1989, 1990, 1999]),
            "seconds": chance.choice([0.0, 100.5, 200.0]),
            "missing": chance.random() < 0.5,
            "genres": None if chance.random() < 0.1 else chance.sample(GENRES, chance.randrange(4)),
        }
        for number in range(count)
    ]
    size = max(1, count // chunks)
    return pa.concat_tables([pa.Table.from_pylist(made[at : at + size], kinds) for at in range(0, max(1, count), size)])


def refuse(_compiled: Any, _rows: Any) -> Any:
    raise AssertionError("evaluated row by row")


@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize("count", [0, 1, 200])
def test_rows_pass_as_they_do_row_by_row(saying: str, count: int) -> None:
    compiled = compile_filter(saying, SCHEMA)
    assert compiled.backend == "python"
    evaluate = by_columns_or(evaluate_python, evaluate_arrow)
    rows = table(count, chunks=3)
    assert evaluate(compiled, rows).to_pylist() == evaluate_python(compiled, rows).to_pylist()


@pytest.mark.parametrize("saying", SAYINGS[:5])
def test_what_our_searches_ask_is_never_evaluated_row_by_row(saying: str) -> None:
    compiled = compile_filter(saying, SCHEMA)
    evaluate = by_columns_or(refuse, evaluate_arrow)
    batch = table(50).combine_chunks().to_batches()[0]
    assert evaluate(compiled, batch).to_pylist() == evaluate_python(compiled, batch).to_pylist()


def test_a_hundred_thousand_rows_take_milliseconds() -> None:
    compiled = compile_filter(SAYINGS[2], SCHEMA)
    evaluate, rows = by_columns_or(refuse, evaluate_arrow), pa.concat_tables([table(1000)] * 100)
    began = time.process_time()
    evaluate(compiled, rows)
    assert time.process_time() - began < 0.06
