"""What the REST API does not take, field by field, and what it says about it."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from recommendations.api.parsing import MOST_BYTES
from recommendations.modes import RANGES, TUNABLE
from recommendations.store import vector_store
from tests.recommendations.api.asking import client, error_of, post
from tests.recommendations.library import MadeLibrary

pytestmark = pytest.mark.django_db
SEED = {"id": "1"}
LONG = 76_800

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"nonsense": 1}, "nonsense"),
    ({"per_artist": 1}, "per_artist"),
    ({"seeds": [{"id": "1", "trackId": "1"}]}, "seeds"),
    ({"limit": 0}, "limit"),
    ({"limit": 501}, "limit"),
    ({"limit": "many"}, "limit"),
    ({"seeds": [{}]}, "seeds"),
    ({"seeds": [{"id": "1", "vectors": {"muq": [1.0]}}]}, "seeds"),
    ({"seeds": [{"vectors": {"muq": [1.0]}, "kind": "album"}]}, "seeds"),
    ({"seeds": [{"id": "1", "label": "x"}]}, "seeds"),
    ({"seeds": [{"id": "1", "kind": "planet"}]}, "seeds"),
    ({"seeds": [{"id": "1", "weight": -1}]}, "seeds"),
    ({"seeds": [{"id": "1", "weight": "NaN"}]}, "seeds"),
    ({"seeds": [{"id": "1", "weight": 10**400}]}, "seeds"),
    ({"seeds": [{"id": "1", "playedAt": "yesterday"}]}, "seeds"),
    ({"seeds": [{"id": "1\0"}]}, "seeds"),
    ({"seeds": [SEED] * 1001}, "seeds"),
    ({"seeds": [{"vectors": {}}]}, "seeds"),
    ({"seeds": [{"vectors": {"muq": []}}]}, "seeds"),
    ({"seeds": [{"vectors": {"muq": ["1"]}}]}, "seeds"),
    ({"seeds": [{"vectors": {"muq": [True]}}]}, "seeds"),
    ({"seeds": [{"vectors": {"muq": {"0": 1}}}]}, "seeds"),
    ({"seeds": [{"vectors": {"muq": [0.5] * (LONG + 1)}}]}, "seeds"),
    ({"seeds": "1"}, "seeds"),
    ({"prompts": [{"weight": 1}]}, "prompts"),
    ({"prompts": ["sad"]}, "prompts"),
    ({"prompts": [{"text": "sad"}] * 21}, "prompts"),
    ({"models": ["muq"] * 17}, "models"),
    ({"merge": {"strategy": "Union"}}, "merge"),
    ({"merge": {"agreement": 0}}, "merge"),
    ({"merge": {"priorities": {"muq": 0}}}, "merge"),
    ({"merge": {"priorities": {str(number): 1 for number in range(17)}}}, "merge"),
    ({"filter": {"years": [1990]}}, "filter"),
    ({"filter": {"years": [1999, 1990]}}, "filter"),
    ({"filter": {"seconds": [-1, None]}}, "filter"),
    ({"filter": {"libraryIds": [10**12]}}, "filter"),
    ({"filter": {"genres": ["x"] * 101}}, "filter"),
    ({"exclude": {"trackIds": ["x"] * 10_001}}, "exclude"),
    ({"exclude": {"tracks": []}}, "exclude"),
    ({"dislikes": {"ratings": {"1": 6}}}, "dislikes"),
    ({"dislikes": {"strength": 1.5}}, "dislikes"),
    ({"negatives": {"penalty": 0.2}}, "negatives"),
    ({"negatives": {"vectors": {"muq": [0.5]}}}, "negatives"),
    ({"negatives": {"vectors": {"muq": [[0.5]] * 21}}}, "negatives"),
    ({"variety": {"diversity": 1.1}}, "variety"),
    ({"variety": {"perArtist": -1}}, "variety"),
    ({"tuning": {"sharpness": -1}}, "tuning"),
    ({"tuning": {"half_life_days": 1}}, "tuning"),
    ({"user": "x" * 256}, "user"),
]


FLOODS: list[dict[str, Any]] = [
    {"seeds": [{}] * 150_000},
    {"prompts": [{}] * 150_000},
    {"models": [[]] * 150_000},
    {"filter": {"libraryIds": ["x"] * 150_000}},
    {"filter": {"years": ["x"] * 150_000}},
    {"exclude": {"trackIds": [[]] * 150_000}},
    {"negatives": {"vectors": {"muq": [1] * 150_000}}},
]


@pytest.mark.parametrize("body", FLOODS, ids=[json.dumps(body)[:30] for body in FLOODS])
def test_a_list_is_counted_before_it_is_read(body: dict[str, Any]) -> None:
    answer = post("recommend", body)
    assert error_of(answer) == (400, "invalid")
    assert "not 150,000." in answer.content.decode()
    assert len(answer.content) < 1_000


@pytest.mark.parametrize(
    "body",
    [
        {"exclude": {"trackIds": [[]] * 10_000}},
        {"dislikes": {"ratings": {str(number): 6 for number in range(10_000)}}},
        {str(number): 1 for number in range(10_000)},
    ],
)
def test_of_many_faults_a_few_are_named(body: dict[str, Any]) -> None:
    answer = post("recommend", body)
    assert error_of(answer) == (400, "invalid")
    assert len(answer.content) < 2_000


@pytest.mark.parametrize(("body", "field"), REFUSED, ids=[json.dumps(body)[:60] for body, _ in REFUSED])
def test_a_field_that_means_nothing_is_named(body: dict[str, Any], field: str) -> None:
    answer = post("recommend", body)
    assert error_of(answer) == (400, "invalid")
    assert set(answer.json()["error"]["detail"]) == {field}


def test_every_parameter_of_a_mode_may_be_tuned() -> None:
    assert set(RANGES) == set(TUNABLE)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"mode": "nonsense"}, 400, "unknown_mode"),
        ({"seeds": [SEED], "models": ["nonsense"]}, 400, "unknown_model"),
        ({"seeds": [SEED]}, 404, "not_embedded"),
    ],
)
def test_what_the_engine_refuses_is_answered_as_everywhere(body: dict[str, Any], status: int, code: str) -> None:
    assert error_of(post("recommend", body)) == (status, code)


def test_the_engine_s_own_sentences_reach_the_caller(served: MadeLibrary) -> None:
    seed = {"id": str(served.tracks[0].pk)}
    asked = {"seeds": [seed], "merge": {"agreement": 3}}
    assert error_of(post("recommend", asked)) == (400, "bad_agreement")
    assert error_of(post("recommend", {"seeds": [{"id": "nobody"}]}))[0] == 404
    assert error_of(post("recommend", {"seeds": [{"vectors": {"muq": [1.0, 2.0]}}]})) == (400, "vector_refused")
    assert error_of(post("recommend", {"prompts": [{"text": " "}]})) == (400, "prompt_empty")
    assert error_of(post("recommend", {}))[0] == 400


def test_a_store_that_is_away_is_no_empty_answer(served: MadeLibrary, settings: Any) -> None:
    settings.MILVUS_URI, settings.MILVUS_TIMEOUT_SECONDS = "http://127.0.0.1:9", 2.0
    vector_store.cache_clear()
    answer = post("recommend", {"seeds": [{"id": str(served.tracks[0].pk)}]})
    assert error_of(answer) == (503, "backend_unavailable")
    assert answer["Retry-After"]


@pytest.mark.parametrize("body", ["null", "[]", '"x"', "{", '{"limit": NaN}', "[" * 100_000])
def test_what_is_no_object_is_refused(body: str) -> None:
    answer = client().post("/api/v1/recommend", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in ("invalid", "parse_error")


def test_the_longest_vectors_fit_and_a_flood_does_not() -> None:
    written = json.dumps({"seeds": [{"vectors": {"mert": [-0.12345678901234567] * LONG}}] * 8})
    assert len(written) > 10 * 2**20
    answer = client().post("/api/v1/recommend", written, content_type="application/json")
    assert error_of(answer) == (404, "not_embedded")
    flood = client().post("/api/v1/recommend", " " * (MOST_BYTES + 1), content_type="application/json")
    assert error_of(flood) == (413, "body_too_large")


def test_a_body_in_pieces_is_not_taken_for_none() -> None:
    answer = client().post("/api/v1/recommend", {}, format="json", HTTP_TRANSFER_ENCODING="chunked")
    assert error_of(answer) == (411, "length_required")


@pytest.mark.parametrize("address", ["recommend", "recommend/compare", "path", "radio"])
def test_nobody_asks_without_a_token(address: str) -> None:
    answer = APIClient().post(f"/api/v1/{address}", {}, format="json")
    assert error_of(answer) == (401, "not_authenticated")


@pytest.mark.parametrize("address", ["recommend", "recommend/", "recommend/compare", "path", "path/", "radio"])
def test_asking_is_a_post(address: str) -> None:
    assert error_of(client().get(f"/api/v1/{address}")) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "request"),
        ({"request": {"limit": 0}}, "request"),
        ({"request": {}, "a": {"seeds": []}}, "a"),
        ({"request": {}, "b": {"tuning": {"nonsense": 1}}}, "b"),
        ({"request": {}, "k": 0}, "k"),
    ],
)
def test_a_comparison_names_what_it_does_not_take(body: dict[str, Any], field: str) -> None:
    answer = post("recommend/compare", body)
    assert error_of(answer) == (400, "invalid")
    assert field in answer.json()["error"]["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"start": "1"}, 400, "invalid"),
        ({"start": "1", "end": "2", "steps": 1}, 400, "invalid"),
        ({"start": "1", "end": "2", "steps": 201}, 400, "invalid"),
        ({"start": "1", "end": "2", "via": "3"}, 400, "invalid"),
        ({"start": "1", "end": "2"}, 404, "not_found"),
    ],
)
def test_a_path_names_what_it_does_not_take(body: dict[str, Any], status: int, code: str) -> None:
    assert error_of(post("path", body)) == (status, code)


@pytest.mark.parametrize("body", [{"window": -1}, {"played": "1"}, {"history": []}, {"played": ["1"] * 10_001}])
def test_a_radio_names_what_it_does_not_take(body: dict[str, Any]) -> None:
    answer = post("radio", body)
    assert error_of(answer) == (400, "invalid")
    assert set(answer.json()["error"]["detail"]) == set(body)


def test_a_path_to_itself_is_refused(served: MadeLibrary) -> None:
    same = str(served.tracks[0].pk)
    assert error_of(post("path", {"start": same, "end": same})) == (400, "same_track")
