"""The store contract: searching and filters."""

import numpy as np
import pytest

from embeddings.domain import SearchFilter
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.store.contract_base import ContractBase, soon
from tests.embeddings.store.rows import DIMENSION, random_vectors, row, rows

ODD_TEXTS = [
    'quote " inside',
    "single ' quote",
    "back\\slash",
    'both \\" of them',
    "ends with \\",
    "line\nbreak\r\ttab",
    "naïve Ærø 東京 🎧",
    "] or 1 == 1 or id in [",
    "{template}",
    "%_like",
    "\u2028\u0085\x01",
]


class SearchContract(ContractBase):
    """Searches and filters."""

    def test_search_agrees_with_cosine(self, store: VectorStore, filled: str) -> None:
        store.flush(filled)
        queries = random_vectors(7, seed=2)
        stored = np.stack([found.embedding for found in rows(300)])
        cosine = (queries @ stored.T) / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(stored, axis=1)
        for hits, line in zip(store.search(filled, queries, limit=20), cosine, strict=True):
            assert [hit.id for hit in hits] == [f"r{number:05d}" for number in np.argsort(-line)[:20]]
            np.testing.assert_allclose([hit.score for hit in hits], np.sort(line)[::-1][:20], atol=1e-5)

    def test_search_sees_rows_before_and_after_a_flush(self, store: VectorStore, filled: str) -> None:
        store.flush(filled)
        late = random_vectors(1, seed=5)[0]
        store.upsert(filled, [row("late", late)])
        assert soon(store, filled, late, {"late"}, limit=1)
        store.flush(filled)
        assert soon(store, filled, late, {"late"}, limit=1)

    def test_search_finds_the_new_vector_of_a_replaced_row_only(self, store: VectorStore, filled: str) -> None:
        store.flush(filled)
        old, new = rows(300)[0].embedding, random_vectors(1, seed=6)[0]
        store.upsert(filled, [row("r00000", new)])
        store.flush(filled)
        assert soon(store, filled, new, {"r00000"}, limit=1)
        found = {hit.id: hit.score for hit in store.search(filled, old[None], limit=300)[0]}
        assert len(found) == 300
        assert found["r00000"] < 0.9

    def test_search_returns_all_rows_when_asked_for_more(self, store: VectorStore, filled: str) -> None:
        assert soon(store, filled, random_vectors(1)[0], {made.id for made in rows(300)}, limit=16_384)

    @pytest.mark.parametrize("limit", [0, -1, 16_385])
    def test_limits_that_a_server_refuses_are_refused(self, store: VectorStore, filled: str, limit: int) -> None:
        with pytest.raises(ValueError, match="1 to 16,384 hits"):
            store.search(filled, random_vectors(1), limit=limit)

    @pytest.mark.parametrize("value", [0.0, np.nan])
    def test_queries_without_a_cosine_are_refused(self, store: VectorStore, filled: str, value: float) -> None:
        queries = random_vectors(2)
        queries[1] = value
        with pytest.raises(ValueError, match="query 1 is not finite or all zero"):
            store.search(filled, queries, limit=1)

    def test_recall_at_10_is_99_percent(self, store: VectorStore, name: str) -> None:
        exact = MemoryStore()
        for each in (store, exact):
            each.create(name, 128)
            each.upsert(name, rows(2500, dimension=128))
            each.flush(name)
        queries = random_vectors(100, dimension=128, seed=3)
        found, true = (each.search(name, queries, limit=10) for each in (store, exact))
        shared = [len({h.id for h in a} & {h.id for h in b}) for a, b in zip(found, true, strict=True)]
        assert sum(shared) / 1000 >= 0.99

    @pytest.mark.parametrize(
        "where",
        [
            SearchFilter(),
            SearchFilter(library_ids=[2]),
            SearchFilter(library_ids=[1, 7]),
            SearchFilter(library_ids=[3]),
            SearchFilter(exclude_ids=[f"r{number:05d}" for number in range(250)]),
            SearchFilter(exclude_artist_keys=["artist-1", "artist-2"]),
            SearchFilter(exclude_album_keys=["album-1", "album-77"]),
            SearchFilter(
                library_ids=[1],
                exclude_ids=["r00003"],
                exclude_artist_keys=["artist-4"],
                exclude_album_keys=["album-5"],
            ),
        ],
    )
    @pytest.mark.parametrize("flushed", [False, True])
    def test_filters_leave_out_exactly_what_they_name(
        self, store: VectorStore, filled: str, where: SearchFilter, *, flushed: bool
    ) -> None:
        exact = MemoryStore()
        exact.create(filled, DIMENSION)
        exact.upsert(filled, rows(300))
        if flushed:
            store.flush(filled)
        assert soon(store, filled, random_vectors(1)[0], {made.id for made in rows(300)}, limit=300)
        query = random_vectors(2, seed=4)
        found = store.search(filled, query, limit=10, where=where)
        true = exact.search(filled, query, limit=10, where=where)
        assert [[hit.id for hit in hits] for hits in found] == [[hit.id for hit in hits] for hits in true]

    def test_a_filter_that_leaves_little_still_finds_all_of_it(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        store.upsert(name, rows(2500))
        store.flush(name)
        for hits in store.search(name, random_vectors(10, seed=8), limit=50, where=SearchFilter(library_ids=[2])):
            assert len(hits) == 50

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_odd_texts_are_compared_as_they_are(self, store: VectorStore, name: str, text: str) -> None:
        vectors = random_vectors(4)
        store.create(name, DIMENSION)
        odd_id = text[:9]
        kept = [row("plain", vectors[0]), row(odd_id, vectors[1])]
        store.upsert(name, [*kept, row("b", vectors[2], artist_key=text), row("c", vectors[3], album_key=text)])
        assert soon(store, name, vectors[0], {"plain", odd_id, "b", "c"}, limit=9)
        where = SearchFilter(exclude_artist_keys=[text], exclude_album_keys=[text])
        assert {hit.id for hit in store.search(name, vectors[:1], limit=9, where=where)[0]} == {"plain", odd_id}
        without = SearchFilter(exclude_ids=[odd_id])
        assert {hit.id for hit in store.search(name, vectors[:1], limit=9, where=without)[0]} == {"plain", "b", "c"}
        assert store.fetch(name, [odd_id]).keys() == {odd_id}
        store.delete(name, [odd_id])
        assert store.count(name) == 3
