"""The store contract: whole collections read page by page, described and renamed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from embeddings.domain import VectorRow
from embeddings.store.base import CollectionMissing, Shape, VectorStore
from tests.embeddings.store.contract_base import ContractBase, soon
from tests.embeddings.store.contract_joint import fill
from tests.embeddings.store.rows import DIMENSION, JOINT, random_vectors, row, rows


def told(found: VectorRow) -> tuple[Any, ...]:
    """A row in a form that is equal only where every bit is."""
    joint = None if found.joint is None else found.joint.tobytes()
    plain = (found.id, found.name, found.offset, found.model_id, found.library_id, found.artist_key, found.album_key)
    return (*plain, found.embedding.tobytes(), joint)


class ReadingContract(ContractBase):
    """Reading all of a collection."""

    @pytest.fixture
    def renamed(self, store: VectorStore, filled: str) -> Iterator[str]:
        yield f"{filled}_old"
        store.drop(f"{filled}_old")

    def test_rows_come_back_whole_and_in_order(self, store: VectorStore, name: str) -> None:
        made = rows(1500)
        odd = [row("ä-ö", random_vectors(1)[0], offset=1.5), row('"\\', random_vectors(2)[1], name="• / '")]
        store.create(name, DIMENSION)
        store.upsert(name, [*reversed(made), *odd])
        found = [each for page in store.rows(name) for each in page]
        assert [told(each) for each in found] == sorted(map(told, [*made, *odd]))

    def test_rows_bring_both_vectors_bit_by_bit(self, store: VectorStore, name: str) -> None:
        fill(store, name, 30)
        store.flush(name)
        found = [told(each) for page in store.rows(name) for each in page]
        assert found == [told(each) for each in rows(30, joint=JOINT)]

    def test_reading_goes_on_after_an_id(self, store: VectorStore, filled: str) -> None:
        found = [each.id for page in store.rows(filled, after="r00250") for each in page]
        assert found == [f"r{number:05d}" for number in range(251, 300)]
        assert list(store.rows(filled, after="r00299")) == []

    def test_pages_are_bounded_by_bytes(self, store: VectorStore, name: str) -> None:
        store.create(name, 32_768)
        store.upsert(name, rows(70, dimension=32_768))
        assert [len(page) for page in store.rows(name)] == [32, 32, 6]

    def test_a_row_that_is_written_while_others_are_read_comes_once(self, store: VectorStore, name: str) -> None:
        store.create(name, 8)
        store.upsert(name, rows(1500, dimension=8))
        pages = store.rows(name)
        first = next(pages)
        store.upsert(name, rows(1600, dimension=8))
        seen = [each.id for each in first] + [each.id for page in pages for each in page]
        assert seen == sorted(set(seen))
        assert set(seen) >= {f"r{number:05d}" for number in range(1500)}

    def test_rows_of_nothing_are_missing(self, store: VectorStore, name: str) -> None:
        for read in (store.rows, store.keyed_vectors):
            with pytest.raises(CollectionMissing, match=name):
                next(read(name))

    def test_a_collection_says_what_it_is_made_of(self, store: VectorStore, name: str) -> None:
        assert store.shape(name) is None
        store.create(name, DIMENSION, joint_dimension=JOINT)
        assert store.shape(name) == Shape(key="id", vectors={"embedding": DIMENSION, "joint": JOINT})

    def test_keys_come_with_their_vectors(self, store: VectorStore, filled: str) -> None:
        found = [pair for page in store.keyed_vectors(filled, after="r00009") for pair in page]
        assert [key for key, _ in found] == [f"r{number:05d}" for number in range(10, 300)]
        assert np.array_equal(np.stack([vector for _, vector in found]), random_vectors(300)[10:])

    def test_a_renamed_collection_is_read_and_searched_at_once(
        self, store: VectorStore, filled: str, renamed: str
    ) -> None:
        store.rename(filled, renamed)
        assert filled not in store.collections()
        assert store.count(renamed) == 300
        made = rows(300)[7]
        assert soon(store, renamed, made.embedding, {made.id}, limit=1)
        store.create(filled, 8)
        assert store.count(filled) == 0

    def test_an_alias_follows_a_renamed_collection(self, store: VectorStore, filled: str, renamed: str) -> None:
        alias = f"{filled}_live"
        store.point_alias(alias, filled)
        store.rename(filled, renamed)
        assert (store.alias_target(alias), store.shape(alias)) == (renamed, None)
        assert store.count(alias) == 300
        with pytest.raises(ValueError, match="is an alias"):
            store.rename(alias, filled)
        store.remove_alias(alias)

    def test_a_taken_name_is_not_given_again(self, store: VectorStore, filled: str, renamed: str) -> None:
        store.create(renamed, 8)
        with pytest.raises(ValueError, match=r"_old is taken"):
            store.rename(filled, renamed)
        with pytest.raises(CollectionMissing):
            store.rename("nowhere", f"{filled}_new")
        assert store.count(filled) == 300
