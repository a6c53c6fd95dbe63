"""The store contract: aliases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from embeddings.errors import Refused
from embeddings.store.base import CollectionMissing, VectorStore
from tests.embeddings.store.contract_base import ContractBase, soon
from tests.embeddings.store.rows import DIMENSION, random_vectors, rows


class AliasContract(ContractBase):
    """Aliases, and what they protect."""

    @pytest.fixture
    def pair(self, store: VectorStore, name: str) -> Iterator[tuple[str, str]]:
        old, new = f"{name}_g1", f"{name}_g2"
        for collection, count in ((old, 3), (new, 5)):
            store.create(collection, DIMENSION)
            store.upsert(collection, rows(count))
        yield old, new
        store.drop(old)
        store.drop(new)

    @pytest.fixture
    def alias(self, store: VectorStore, name: str, pair: tuple[str, str]) -> Iterator[str]:
        alias = f"{name}_live"
        yield alias
        store.remove_alias(alias)
        assert store.alias_target(alias) is None
        assert pair[1] in store.collections()

    def test_an_alias_reads_what_it_points_at(self, store: VectorStore, pair: tuple[str, str], alias: str) -> None:
        assert store.alias_target(alias) is None
        for target, count in zip(pair, (3, 5), strict=True):
            store.point_alias(alias, target)
            store.point_alias(alias, target)
            assert store.alias_target(alias) == target
            assert store.count(alias) == count
            assert soon(store, alias, random_vectors(1)[0], {made.id for made in rows(count)}, limit=9)
            assert len(store.fetch(alias, ["r00001", "r00004"])) == (1 if count == 3 else 2)
            assert sum(len(page) for page in store.ids(alias)) == count

    def test_collections_do_not_list_aliases(self, store: VectorStore, pair: tuple[str, str], alias: str) -> None:
        store.point_alias(alias, pair[0])
        assert alias not in store.collections()

    def test_drop_is_refused_while_an_alias_points_there(
        self, store: VectorStore, pair: tuple[str, str], alias: str
    ) -> None:
        store.point_alias(alias, pair[0])
        with pytest.raises(Refused, match="alias points at"):
            store.drop(pair[0])
        with pytest.raises(ValueError, match="is an alias"):
            store.drop(alias)
        assert store.count(alias) == 3
        store.point_alias(alias, pair[1])
        store.drop(pair[0])
        assert pair[0] not in store.collections()

    def test_an_alias_needs_a_collection_and_a_free_name(
        self, store: VectorStore, pair: tuple[str, str], alias: str
    ) -> None:
        with pytest.raises(CollectionMissing):
            store.point_alias(alias, "nowhere")
        with pytest.raises(ValueError, match="is a collection"):
            store.point_alias(pair[1], pair[0])

    def test_an_alias_made_by_four_at_once_points_somewhere(
        self, store: VectorStore, pair: tuple[str, str], alias: str
    ) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: store.point_alias(alias, pair[number % 2]), range(4)))
        assert store.alias_target(alias) in pair

    def test_an_alias_may_move_to_another_dimension(
        self, store: VectorStore, pair: tuple[str, str], alias: str
    ) -> None:
        store.point_alias(alias, pair[0])
        store.search(alias, random_vectors(1), limit=1)
        store.drop(pair[1])
        store.create(pair[1], 8)
        store.upsert(pair[1], rows(4, dimension=8))
        store.point_alias(alias, pair[1])
        wanted = {made.id for made in rows(4)}
        assert soon(store, alias, random_vectors(1, dimension=8)[0], wanted, limit=9)
        with pytest.raises(ValueError, match="8 dimensions"):
            store.search(alias, random_vectors(1), limit=1)

    def test_health_names_the_server(self, store: VectorStore, filled: str) -> None:
        health = store.health()
        assert health.version
        assert health.collections >= 1
