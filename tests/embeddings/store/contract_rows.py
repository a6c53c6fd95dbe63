"""The store contract: making collections, writing and reading rows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest

from embeddings.domain import Labels
from embeddings.store.base import CollectionMissing, VectorStore
from tests.embeddings.store.contract_base import ContractBase, soon
from tests.embeddings.store.rows import DIMENSION, random_vectors, row, rows


class RowsContract(ContractBase):
    """Collections and rows."""

    def test_create_twice_keeps_the_rows(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        store.upsert(name, rows(3))
        store.create(name, DIMENSION)
        assert store.count(name) == 3

    def test_create_with_another_dimension_is_refused(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        with pytest.raises(ValueError, match="24 dimensions, not 25"):
            store.create(name, DIMENSION + 1)

    def test_create_by_four_at_once_makes_one(self, store: VectorStore, name: str) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: store.create(name, DIMENSION), range(4)))
        assert store.collections().count(name) == 1

    @pytest.mark.parametrize("dimension", [0, 1, 32_769, 76_800])
    def test_dimensions_that_no_server_indexes_are_refused(self, store: VectorStore, name: str, dimension: int) -> None:
        with pytest.raises(ValueError, match="32,768 dimensions"):
            store.create(name, dimension)

    @pytest.mark.parametrize("bad", ["", "a-b", "a b", "1a", "ä", "a" * 129, 'a"'])
    def test_names_that_a_server_refuses_are_refused(self, store: VectorStore, bad: str) -> None:
        with pytest.raises(ValueError, match="no name for a collection"):
            store.create(bad, DIMENSION)

    def test_the_widest_vectors_are_kept(self, store: VectorStore, name: str) -> None:
        store.create(name, 32_768)
        widest = rows(3, dimension=32_768)
        store.upsert(name, widest)
        assert soon(store, name, widest[1].embedding, {widest[1].id}, limit=1)

    def test_dropped_collections_are_gone(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        store.drop(name)
        store.drop(name)
        assert name not in store.collections()
        with pytest.raises(CollectionMissing, match=name):
            store.count(name)

    def test_a_dropped_name_can_be_made_again_with_another_dimension(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        store.upsert(name, rows(5))
        store.drop(name)
        store.create(name, 8)
        store.upsert(name, rows(2, dimension=8))
        assert store.count(name) == 2

    def test_upsert_replaces_by_id(self, store: VectorStore, filled: str) -> None:
        new = random_vectors(1, seed=9)[0]
        store.upsert(filled, [row("r00007", new)])
        assert store.count(filled) == 300
        np.testing.assert_allclose(store.fetch(filled, ["r00007"])["r00007"], new)

    def test_the_later_of_two_rows_with_one_id_counts(self, store: VectorStore, name: str) -> None:
        first, second = random_vectors(2)
        store.create(name, DIMENSION)
        store.upsert(name, [row("same", first), row("same", second)])
        assert store.count(name) == 1
        np.testing.assert_allclose(store.fetch(name, ["same"])["same"], second)

    def test_no_rows_are_no_error(self, store: VectorStore, filled: str) -> None:
        store.upsert(filled, [])
        store.delete(filled, [])
        assert store.fetch(filled, []) == {}

    def test_more_rows_than_one_request_takes_all_arrive(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        store.upsert(name, rows(2500))
        assert store.count(name) == 2500

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
    def test_vectors_without_a_cosine_are_refused_by_id(self, store: VectorStore, name: str, value: float) -> None:
        store.create(name, DIMENSION)
        vector = np.full(DIMENSION, value)
        with pytest.raises(ValueError, match="vector of bad is not finite or all zero"):
            store.upsert(name, [*rows(3), row("bad", vector)])
        assert store.count(name) == 0

    def test_zero_vectors_are_refused_by_id(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        with pytest.raises(ValueError, match="vector of bad is not finite or all zero"):
            store.upsert(name, [row("bad", np.zeros(DIMENSION))])

    def test_vectors_of_another_dimension_are_refused_by_id(self, store: VectorStore, filled: str) -> None:
        with pytest.raises(ValueError, match=r"vectors of 24 dimensions; r00000"):
            store.upsert(filled, rows(1, dimension=8))
        with pytest.raises(ValueError, match=r"vectors of 24 dimensions; query 0"):
            store.search(filled, random_vectors(1, dimension=8), limit=1)

    @pytest.mark.parametrize(
        "fields", [{"artist_key": "k" * 65}, {"album_key": "ä" * 33}, {"model_id": "m" * 257}, {"album_key": "a\0"}]
    )
    def test_fields_that_do_not_fit_are_refused(self, store: VectorStore, filled: str, fields: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="bytes without NUL fit"):
            store.upsert(filled, [row("x", random_vectors(1)[0], **fields)])

    @pytest.mark.parametrize("name_of_track", ["x" * 600, "ä" * 300, "🎧" * 200, "a\0b", "\udcff broken", ""])
    def test_no_name_of_a_track_keeps_it_out(self, store: VectorStore, filled: str, name_of_track: str) -> None:
        store.upsert(filled, [row("odd", random_vectors(1)[0], name=name_of_track)])
        assert store.count(filled) == 301

    def test_delete_removes_only_what_it_names(self, store: VectorStore, filled: str) -> None:
        store.delete(filled, ["r00001", "r00002", "r00002", "never there"])
        assert store.count(filled) == 298
        assert store.fetch(filled, ["r00001", "r00003"]).keys() == {"r00003"}

    def test_deleted_rows_come_back_when_written_again(self, store: VectorStore, filled: str) -> None:
        store.delete(filled, ["r00001"])
        store.upsert(filled, rows(2))
        assert store.count(filled) == 300

    def test_four_writers_at_once_lose_nothing(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        every = rows(2000)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda start: store.upsert(name, every[start : start + 20]), range(0, 2000, 20)))
        assert store.count(name) == 2000
        assert sorted(found for page in store.ids(name) for found in page) == [made.id for made in every]

    def test_fetch_gives_what_was_written(self, store: VectorStore, filled: str) -> None:
        made = {found.id: found.embedding for found in rows(300)}
        got = store.fetch(filled, [*made, *made, "never there"])
        assert got.keys() == made.keys()
        assert all(np.array_equal(got[key], made[key]) and got[key].dtype == np.float32 for key in made)

    def test_fetch_of_more_ids_than_one_request_takes_is_complete(self, store: VectorStore, name: str) -> None:
        many = rows(2100)
        store.create(name, DIMENSION)
        store.upsert(name, many)
        assert len(store.fetch(name, [found.id for found in many])) == 2100

    def test_ids_pages_everything_once(self, store: VectorStore, filled: str) -> None:
        store.flush(filled)
        store.upsert(filled, rows(310)[290:])
        found = [key for page in store.ids(filled) for key in page]
        assert sorted(found) == [made.id for made in rows(310)]

    def test_ids_of_more_rows_than_a_page_come_once(self, store: VectorStore, name: str) -> None:
        many = rows(10_500, dimension=4)
        store.create(name, 4)
        store.upsert(name, many[:6000])
        store.flush(name)
        store.upsert(name, many[6000:])
        assert sorted(found for page in store.ids(name) for found in page) == [made.id for made in many]

    def test_an_empty_collection_reads_empty(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        assert store.count(name) == 0
        assert list(store.ids(name)) == []
        assert store.search(name, random_vectors(2), limit=5) == [[], []]

    def test_a_missing_collection_is_named(self, store: VectorStore) -> None:
        with pytest.raises(CollectionMissing, match="nowhere"):
            store.search("nowhere", random_vectors(1), limit=1)
        with pytest.raises(CollectionMissing, match="nowhere"):
            store.upsert("nowhere", rows(1))

    def test_labels_are_what_was_written_beside_the_vector(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        kept = Labels(name="A - B", offset=1.5, model_id="m@2", library_id=7, artist_key="a", album_key="b")
        store.upsert(name, [*rows(2), row("here", random_vectors(1)[0], **asdict(kept))])
        assert store.labels(name, ["here", "nowhere"]) == {"here": kept}
