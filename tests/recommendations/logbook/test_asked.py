"""Requests that are written down: they come back as they were, without vectors and without who asked."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddings.errors import Refused
from recommendations.domain import (
    Dislikes,
    Exclusions,
    Filter,
    Merge,
    Negatives,
    Prompt,
    Request,
    Seed,
    Variety,
    VectorSeed,
)
from recommendations.logbook.asked import read, written

WORDS = st.text(max_size=20)
SHARE = st.floats(0, 1)
SEEDS = st.builds(
    Seed,
    key=WORDS,
    kind=st.sampled_from(["track", "album", "artist", "playlist"]),
    weight=SHARE,
    source=WORDS,
    played_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)
PROMPTS = st.lists(st.builds(Prompt, text=WORDS, weight=SHARE), max_size=3)
REQUESTS = st.builds(
    Request,
    mode=st.sampled_from(["recent", "text", "custom"]),
    limit=st.integers(1, 500),
    seeds=st.lists(SEEDS, max_size=4),
    prompts=PROMPTS,
    models=st.lists(st.sampled_from(["muq", "mert"]), max_size=2),
    merge=st.builds(Merge, strategy=st.sampled_from(["union", "priority"]), agreement=st.integers(1, 3)),
    filter=st.builds(
        Filter,
        genres=st.lists(WORDS, max_size=2),
        years=st.tuples(st.none() | st.integers(1900, 2000), st.none() | st.integers(2000, 2100)),
    ),
    exclude=st.builds(Exclusions, track_ids=st.lists(WORDS, max_size=2)),
    dislikes=st.builds(Dislikes, ratings=st.dictionaries(WORDS, st.integers(1, 2), max_size=2), strength=SHARE),
    negatives=st.builds(Negatives, prompts=PROMPTS, penalty=st.floats(0.3, 1)),
    variety=st.builds(Variety, diversity=st.none() | SHARE, per_artist=st.none() | st.integers(0, 9)),
    tuning=st.dictionaries(st.sampled_from(["sharpness", "exploration"]), SHARE, max_size=2),
)


@given(request=REQUESTS)
@settings(max_examples=60, deadline=None)
def test_what_was_written_down_is_read_as_it_was(request: Request) -> None:
    kept = json.loads(json.dumps(written(request), allow_nan=False))
    again = read(kept)
    assert written(again) == kept
    assert (list(again.seeds), list(again.prompts)) == (list(request.seeds), list(request.prompts))
    assert (again.merge, again.variety) == (request.merge, request.variety)
    assert (again.filter.years, dict(again.tuning)) == (request.filter.years, dict(request.tuning))


def test_what_is_as_usual_takes_no_room() -> None:
    assert written(Request()) == {}
    assert written(Request(limit=7, prompts=[Prompt(text="sad")])) == {
        "limit": 7,
        "prompts": [{"text": "sad", "weight": 1.0}],
    }


def test_nobody_s_name_is_written() -> None:
    assert "ada" not in json.dumps(written(Request(user="ada", seeds=[Seed(key="1")])))


def test_a_vector_leaves_its_fingerprint_and_no_number() -> None:
    vector = np.arange(1, 7, dtype=np.float32)
    asked = Request(seeds=[VectorSeed(vectors={"muq": vector})], negatives=Negatives(vectors={"muq": [vector, [1.0]]}))
    kept = written(asked)
    (seed,) = kept["seeds"]
    assert seed["vectors"]["muq"]["length"] == 6
    assert [print_["length"] for print_ in kept["negatives"]["vectors"]["muq"]] == [6, 1]
    assert kept["negatives"]["vectors"]["muq"][0] == seed["vectors"]["muq"]
    with pytest.raises(Refused, match="not kept") as refused:
        read(kept)
    assert refused.value.code == "has_vectors"


def test_infinite_sharpness_survives_json() -> None:
    kept = json.loads(json.dumps(written(Request(tuning={"sharpness": float("inf")})), allow_nan=False))
    assert read(kept).tuning == {"sharpness": float("inf")}


@pytest.mark.parametrize("kept", [{"nonsense": 1}, {"merge": {"nonsense": 1}}, {"seeds": [{"kind": "track"}]}])
def test_what_another_version_wrote_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        read(kept)
    assert refused.value.code == "unreadable"


def test_a_moment_keeps_its_zone() -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    (seed,) = read(written(Request(seeds=[Seed(key="1", played_at=moment)]))).seeds
    assert seed.played_at == moment
