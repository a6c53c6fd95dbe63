"""Collections of the version before are read, written and searched as before, and say what they cannot be asked."""

import uuid
from collections.abc import Iterator

import pytest

from embeddings.domain import SearchFilter
from embeddings.errors import Refused
from embeddings.store.base import VectorStore
from tests.embeddings.store.contract_base import soon
from tests.embeddings.store.old_schema import LATER, make_old
from tests.embeddings.store.rows import DIMENSION, JOINT, random_vectors, row, rows
from tests.embeddings.store.test_milvus import NAMED_SERVER, open_store


@pytest.fixture(params=["lite", "named"])
def uri(request: pytest.FixtureRequest, milvus_uri: str) -> str:
    if request.param == "named" and not NAMED_SERVER:
        pytest.skip("MILVUS_TEST_URI names no server")
    return NAMED_SERVER if request.param == "named" else milvus_uri


@pytest.fixture
def store(uri: str) -> Iterator[VectorStore]:
    store = open_store(uri)
    yield store
    store.close()


@pytest.fixture
def old(store: VectorStore, uri: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex}"
    make_old(uri, name, DIMENSION)
    store.upsert(name, rows(30))
    yield name
    store.drop(name)


def test_it_says_what_it_lacks(store: VectorStore, old: str) -> None:
    shape = store.shape(old)
    assert shape is not None
    assert shape.lacks == LATER


def test_it_is_written_and_read_without_what_it_lacks(store: VectorStore, old: str) -> None:
    store.upsert(old, [row("new", random_vectors(1)[0], year=1999, genres=("jazz",), missing=True)])
    said = store.labels(old, ["new"])["new"]
    assert (said.name, said.year, said.seconds, said.genres, said.missing) == ("Artist - new", 0, 0.0, (), False)
    assert [found.id for page in store.rows(old) for found in page] == ["new", *(made.id for made in rows(30))]


def test_it_is_searched_by_what_it_has(store: VectorStore, old: str) -> None:
    assert soon(store, old, random_vectors(1)[0], {made.id for made in rows(30)}, limit=30)
    where = SearchFilter(library_ids=[2], present=True)
    assert [hit.id for hit in store.search(old, random_vectors(1), limit=9, where=where)[0]] == ["r00000"]


@pytest.mark.parametrize(
    ("where", "label"),
    [
        (SearchFilter(genres=["jazz"]), "genres"),
        (SearchFilter(exclude_genres=["jazz"]), "genres"),
        (SearchFilter(years=(1990, None)), "year"),
        (SearchFilter(seconds=(None, 300)), "seconds"),
    ],
)
def test_what_it_cannot_be_asked_is_refused(store: VectorStore, old: str, where: SearchFilter, label: str) -> None:
    with pytest.raises(Refused, match=f"cannot be filtered by {label} yet") as refused:
        store.search(old, random_vectors(1), limit=1, where=where)
    assert refused.value.code == "labels_lacking"


def test_a_collection_of_today_lacks_nothing(store: VectorStore) -> None:
    name = f"t_{uuid.uuid4().hex}"
    store.create(name, DIMENSION)
    shape = store.shape(name)
    store.drop(name)
    assert shape is not None
    assert not shape.lacks


def test_both_vectors_of_an_old_row_are_read(store: VectorStore, uri: str) -> None:
    if uri == NAMED_SERVER and store.health().version.startswith("v2.3."):
        pytest.skip("keeps one vector in a row")
    name = f"t_{uuid.uuid4().hex}"
    make_old(uri, name, DIMENSION, joint_dimension=JOINT)
    store.upsert(name, rows(3, joint=JOINT))
    found = [made for page in store.rows(name) for made in page]
    store.drop(name)
    assert [made.joint is not None and made.joint.shape for made in found] == [(JOINT,)] * 3
