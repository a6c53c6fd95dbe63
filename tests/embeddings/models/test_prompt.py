"""Prompts that are remembered."""

from dataclasses import replace

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from embeddings.models import Asked, PromptVector
from embeddings.models.prompt import KEPT

pytestmark = pytest.mark.django_db
ASKED = Asked(model="muq", spec_version=1, checkpoint="ab" * 32, prompt="sad slow piano")
VECTOR = np.linspace(-1, 1, 512, dtype=np.float32)


def test_a_kept_vector_comes_back_bit_by_bit() -> None:
    PromptVector.objects.keep({ASKED: VECTOR})
    known = PromptVector.objects.known([ASKED])[ASKED]
    assert np.array_equal(known, VECTOR)
    assert known.dtype == np.float32
    assert known.flags.writeable


@pytest.mark.parametrize(
    "change",
    [
        {"model": "mert"},
        {"spec_version": 2},
        {"checkpoint": "cd" * 32},
        {"packages": "muq 0.1"},
        {"prompt": "sad"},
        {"tower": "trained"},
    ],
)
def test_what_a_vector_depends_on_tells_prompts_apart(change: dict[str, object]) -> None:
    PromptVector.objects.keep({ASKED: VECTOR})
    assert PromptVector.objects.known([replace(ASKED, **change)]) == {}  # type: ignore[arg-type]


def test_a_prompt_kept_twice_is_one_row() -> None:
    PromptVector.objects.keep({ASKED: VECTOR})
    PromptVector.objects.keep({ASKED: VECTOR})
    assert PromptVector.objects.count() == 1


def test_the_oldest_prompts_go() -> None:
    rows = [PromptVector(hash=f"{number:064d}", prompt=str(number), vector=b"") for number in range(KEPT)]
    PromptVector.objects.bulk_create(rows)
    PromptVector.objects.keep({ASKED: VECTOR})
    assert PromptVector.objects.count() == KEPT
    assert not PromptVector.objects.filter(prompt="0").exists()
    assert PromptVector.objects.filter(prompt="1").exists()
    assert ASKED in PromptVector.objects.known([ASKED])


def test_nobody_walks_through_what_is_remembered_to_keep_it_short() -> None:
    with CaptureQueriesContext(connection) as asked:
        PromptVector.objects.keep({ASKED: VECTOR})
    assert not [query for query in asked.captured_queries if "OFFSET" in query["sql"]]
