"""The store contract: a second vector in each row, searched by itself."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from embeddings.domain import SearchFilter
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.store.contract_base import ContractBase, soon
from tests.embeddings.store.rows import DIMENSION, JOINT, random_vectors, row, rows
from tests.services import until


def fill(store: VectorStore, name: str, count: int) -> None:
    store.create(name, DIMENSION, joint_dimension=JOINT)
    store.upsert(name, rows(count, joint=JOINT))


class JointContract(ContractBase):
    """Collections whose rows carry a second vector."""

    @pytest.fixture
    def paired(self, store: VectorStore, name: str) -> str:
        fill(store, name, 300)
        return name

    @pytest.fixture
    def paired_alias(self, store: VectorStore, paired: str) -> Iterator[str]:
        store.point_alias(f"{paired}_live", paired)
        yield f"{paired}_live"
        store.remove_alias(f"{paired}_live")

    def test_both_vectors_of_a_row_come_back(self, store: VectorStore, paired: str) -> None:
        made = rows(300, joint=JOINT)[7]
        own = store.fetch(paired, [made.id])[made.id]
        joint = store.fetch(paired, [made.id], field="joint")[made.id]
        assert np.array_equal(own, made.embedding)
        assert np.array_equal(joint, np.asarray(made.joint))
        assert joint.dtype == np.float32

    @pytest.mark.parametrize("flushed", [False, True])
    def test_a_search_of_the_joint_field_agrees_with_its_cosine(
        self, store: VectorStore, paired: str, *, flushed: bool
    ) -> None:
        if flushed:
            store.flush(paired)
        queries = random_vectors(3, dimension=JOINT, seed=2)
        stored = np.stack([np.asarray(found.joint) for found in rows(300, joint=JOINT)])
        cosine = (queries @ stored.T) / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(stored, axis=1)
        until(lambda: len(store.search(paired, queries, limit=300, field="joint")[0]) == 300, seconds=20)
        for hits, line in zip(store.search(paired, queries, limit=20, field="joint"), cosine, strict=True):
            assert [hit.id for hit in hits] == [f"r{number:05d}" for number in np.argsort(-line)[:20]]
            np.testing.assert_allclose([hit.score for hit in hits], np.sort(line)[::-1][:20], atol=1e-5)

    def test_a_search_of_the_own_field_is_not_changed_by_the_other(self, store: VectorStore, paired: str) -> None:
        made = rows(300)[5]
        assert soon(store, paired, made.embedding, {made.id}, limit=1)

    @pytest.mark.parametrize("flushed", [False, True])
    @pytest.mark.parametrize(
        "where",
        [
            SearchFilter(library_ids=[2]),
            SearchFilter(library_ids=[3]),
            SearchFilter(exclude_ids=[f"r{number:05d}" for number in range(290)]),
            SearchFilter(library_ids=[1], exclude_artist_keys=["artist-4"], exclude_album_keys=["album-5"]),
        ],
    )
    def test_filters_hold_in_the_joint_field(
        self, store: VectorStore, paired: str, where: SearchFilter, *, flushed: bool
    ) -> None:
        exact = MemoryStore()
        fill(exact, paired, 300)
        if flushed:
            store.flush(paired)
        queries = random_vectors(2, dimension=JOINT, seed=4)
        until(lambda: len(store.search(paired, queries, limit=300, field="joint")[0]) == 300, seconds=20)
        found = store.search(paired, queries, limit=10, where=where, field="joint")
        true = exact.search(paired, queries, limit=10, where=where, field="joint")
        assert [[hit.id for hit in hits] for hits in found] == [[hit.id for hit in hits] for hits in true]

    def test_a_selective_filter_is_exact_in_the_joint_field(self, store: VectorStore, name: str) -> None:
        exact = MemoryStore()
        for each in (store, exact):
            fill(each, name, 2500)
            each.flush(name)
        queries = random_vectors(10, dimension=JOINT, seed=8)
        where = SearchFilter(library_ids=[2])
        found, true = (each.search(name, queries, limit=50, where=where, field="joint") for each in (store, exact))
        assert [[hit.id for hit in hits] for hits in found] == [[hit.id for hit in hits] for hits in true]

    def test_a_replaced_row_is_found_by_its_new_joint_vector_only(self, store: VectorStore, paired: str) -> None:
        store.flush(paired)
        old, *_ = rows(1, joint=JOINT)
        new = random_vectors(1, dimension=JOINT, seed=6)[0]
        store.upsert(paired, [dataclasses.replace(old, joint=new)])
        store.flush(paired)
        until(lambda: store.search(paired, new[None], limit=1, field="joint")[0][0].score > 0.999, seconds=20)
        found = store.search(paired, np.asarray([old.joint]), limit=300, field="joint")[0]
        assert len(found) == 300
        assert {hit.id: hit.score for hit in found}[old.id] < 0.9

    def test_an_alias_is_searched_by_either_field(self, store: VectorStore, paired: str, paired_alias: str) -> None:
        made = rows(300, joint=JOINT)[9]
        assert soon(store, paired_alias, made.embedding, {made.id}, limit=1)
        assert store.search(paired_alias, np.asarray([made.joint]), limit=1, field="joint")[0][0].id == made.id
        assert store.fetch(paired_alias, [made.id], field="joint").keys() == {made.id}

    def test_create_again_keeps_the_rows(self, store: VectorStore, paired: str) -> None:
        store.create(paired, DIMENSION, joint_dimension=JOINT)
        assert store.count(paired) == 300

    @pytest.mark.parametrize("joint", [0, JOINT + 1])
    def test_create_with_another_joint_dimension_is_refused(self, store: VectorStore, name: str, joint: int) -> None:
        store.create(name, DIMENSION, joint_dimension=JOINT)
        with pytest.raises(ValueError, match="24 dimensions and 10 joint ones, not 24"):
            store.create(name, DIMENSION, joint_dimension=joint)

    def test_a_collection_without_joint_vectors_does_not_get_them_later(self, store: VectorStore, filled: str) -> None:
        with pytest.raises(ValueError, match="holds 24 dimensions, not 24 dimensions and 10 joint ones"):
            store.create(filled, DIMENSION, joint_dimension=JOINT)

    @pytest.mark.parametrize("joint", [1, 32_769])
    def test_joint_dimensions_that_no_server_indexes_are_refused(
        self, store: VectorStore, name: str, joint: int
    ) -> None:
        with pytest.raises(ValueError, match="32,768 dimensions"):
            store.create(name, DIMENSION, joint_dimension=joint)
        assert name not in store.collections()

    @pytest.mark.parametrize(
        ("joint", "sentence"),
        [
            (None, "joint vectors of 10 dimensions; bad came without"),
            (np.ones(JOINT + 1), r"vectors of 10 dimensions; bad \(joint\) came as 1x11"),
            (np.full(JOINT, np.nan), r"bad \(joint\) is not finite or all zero"),
            (np.zeros(JOINT), r"bad \(joint\) is not finite or all zero"),
        ],
    )
    def test_rows_without_a_sound_joint_vector_are_refused_by_id(
        self, store: VectorStore, name: str, joint: Any, sentence: str
    ) -> None:
        store.create(name, DIMENSION, joint_dimension=JOINT)
        with pytest.raises(ValueError, match=sentence):
            store.upsert(name, [*rows(3, joint=JOINT), row("bad", random_vectors(1)[0], joint=joint)])
        assert store.count(name) == 0

    def test_rows_with_a_joint_vector_that_nobody_keeps_are_refused(self, store: VectorStore, filled: str) -> None:
        with pytest.raises(ValueError, match="holds no joint vectors; r00000 came with one"):
            store.upsert(filled, rows(1, joint=JOINT))

    def test_a_collection_without_joint_vectors_is_not_read_by_them(self, store: VectorStore, filled: str) -> None:
        for read in (
            lambda: store.search(filled, random_vectors(1, dimension=JOINT), limit=1, field="joint"),
            lambda: store.fetch(filled, ["r00000"], field="joint"),
        ):
            with pytest.raises(ValueError, match="holds no joint vectors"):
                read()

    def test_queries_of_the_other_field_s_dimension_are_refused(self, store: VectorStore, paired: str) -> None:
        with pytest.raises(ValueError, match="vectors of 10 dimensions; query 0"):
            store.search(paired, random_vectors(1), limit=1, field="joint")

    def test_a_name_can_be_made_again_without_joint_vectors(self, store: VectorStore, paired: str) -> None:
        store.drop(paired)
        store.create(paired, DIMENSION)
        store.upsert(paired, rows(2))
        assert store.count(paired) == 2
