"""The store contract: what is kept of a track beside its vectors, and filters by it."""

from dataclasses import replace

import numpy as np
import pytest

from embeddings.domain import SearchFilter, VectorRow
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.store.contract_base import ContractBase, soon
from tests.embeddings.store.contract_search import ODD_TEXTS
from tests.embeddings.store.rows import DIMENSION, random_vectors, row, rows

GENRES = ["Jazz", "rock", "Électro", "Drum & Bass", 'odd "\\']
COUNT = 120


def labelled() -> list[VectorRow]:
    """Rows of which every sixth has no year, every fifth no length, some no genre, and every ninth is missing."""
    return [
        replace(
            made,
            year=0 if number % 6 == 0 else 1950 + number % 70,
            seconds=0.0 if number % 5 == 0 else 60.1 * (number % 7),
            genres=tuple(GENRES[: number % 4]) if number % 2 else tuple(GENRES[4:]),
            missing=number % 9 == 0,
        )
        for number, made in enumerate(rows(COUNT))
    ]


class LabelsContract(ContractBase):
    """Labels and filters by them."""

    @pytest.fixture
    def told(self, store: VectorStore, name: str) -> str:
        store.create(name, DIMENSION)
        store.upsert(name, labelled())
        return name

    @pytest.mark.parametrize(
        "where",
        [
            SearchFilter(genres=["JAZZ"]),
            SearchFilter(genres=["rock", "e\u0301lectro"]),
            SearchFilter(genres=['Odd "\\']),
            SearchFilter(genres=["jaz"]),
            SearchFilter(exclude_genres=["jazz", 'odd "\\']),
            SearchFilter(genres=["jazz"], exclude_genres=["rock"]),
            SearchFilter(years=(1960, 1979)),
            SearchFilter(years=(None, 1960)),
            SearchFilter(years=(2000, None)),
            SearchFilter(years=(0, 10**30)),
            SearchFilter(years=(1990, 1980)),
            SearchFilter(seconds=(60.1, 180.3)),
            SearchFilter(seconds=(None, 120.2)),
            SearchFilter(seconds=(1e-7, 1e25)),
            SearchFilter(present=True),
            SearchFilter(
                library_ids=[1],
                exclude_ids=["r00003"],
                exclude_artist_keys=["artist-4"],
                genres=["jazz", "rock"],
                years=(1951, 2010),
                seconds=(30, None),
                present=True,
            ),
        ],
        ids=str,
    )
    def test_filters_by_labels_leave_out_exactly_what_they_name(
        self, store: VectorStore, told: str, where: SearchFilter
    ) -> None:
        exact = MemoryStore()
        exact.create(told, DIMENSION)
        exact.upsert(told, labelled())
        query = random_vectors(2, seed=4)
        assert soon(store, told, query[0], {made.id for made in labelled()}, limit=COUNT)
        true = exact.search(told, query, limit=COUNT, where=where)
        assert len(true[0]) < COUNT
        for flushed in (False, True):
            if flushed:
                store.flush(told)
            found = store.search(told, query, limit=COUNT, where=where)
            assert [[hit.id for hit in hits] for hits in found] == [[hit.id for hit in hits] for hits in true]

    def test_a_filter_by_years_means_those_years(self, store: VectorStore, name: str) -> None:
        vectors = random_vectors(4)
        store.create(name, DIMENSION)
        years = [0, 1979, 1980, 1991]
        store.upsert(name, [row(str(year), vectors[at], year=year) for at, year in enumerate(years)])
        assert soon(store, name, vectors[0], {str(year) for year in years}, limit=9)
        for bounds, wanted in [
            ((1979, 1980), {"1979", "1980"}),
            ((None, 1980), {"1979", "1980"}),
            ((1991, None), {"1991"}),
        ]:
            hits = store.search(name, vectors[:1], limit=9, where=SearchFilter(years=bounds))[0]
            assert {hit.id for hit in hits} == wanted

    def test_labels_are_kept_as_they_were_said(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        made = row("a", random_vectors(1)[0], year=1999, seconds=213.373, genres=("Jazz", "drum  & bass"), missing=True)
        store.upsert(name, [made])
        said = store.labels(name, ["a"])["a"]
        assert (said.year, said.seconds, said.missing) == (1999, 213.373, True)
        assert said.genres == ("jazz", "drum & bass")
        page = next(iter(store.rows(name)))
        assert (page[0].year, page[0].seconds, page[0].genres, page[0].missing) == (1999, 213.373, said.genres, True)

    def test_labels_that_nobody_knows_are_none(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        store.upsert(name, [row("a", random_vectors(1)[0])])
        said = store.labels(name, ["a"])["a"]
        assert (said.year, said.seconds, said.genres, said.missing) == (0, 0.0, (), False)

    def test_genres_that_are_too_many_or_too_long_keep_no_track_out(self, store: VectorStore, name: str) -> None:
        store.create(name, DIMENSION)
        long = "東" * 40
        store.upsert(name, [row("a", random_vectors(1)[0], genres=(long, "", " ", *(str(at) for at in range(40))))])
        kept = store.labels(name, ["a"])["a"].genres
        assert kept == ("東" * 21, *(str(at) for at in range(15)))
        assert soon(store, name, random_vectors(1)[0], {"a"}, limit=1)
        assert store.search(name, random_vectors(1), limit=1, where=SearchFilter(genres=[long]))[0]

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_odd_genres_are_compared_as_they_are(self, store: VectorStore, name: str, text: str) -> None:
        vectors = random_vectors(2)
        store.create(name, DIMENSION)
        store.upsert(name, [row("odd", vectors[0], genres=(text, "pop")), row("plain", vectors[1], genres=("pop",))])
        assert soon(store, name, vectors[0], {"odd", "plain"}, limit=9)
        for where, wanted in [(SearchFilter(genres=[text]), {"odd"}), (SearchFilter(exclude_genres=[text]), {"plain"})]:
            assert {hit.id for hit in store.search(name, vectors[:1], limit=9, where=where)[0]} == wanted

    @pytest.mark.parametrize(
        "where", [SearchFilter(genres=[" "]), SearchFilter(exclude_genres=[""]), SearchFilter(seconds=(np.nan, None))]
    )
    def test_filters_that_mean_nothing_are_refused(self, store: VectorStore, told: str, where: SearchFilter) -> None:
        with pytest.raises(ValueError, match=r"no genre|cannot go"):
            store.search(told, random_vectors(1), limit=1, where=where)

    @pytest.mark.parametrize("fields", [{"year": -1}, {"seconds": np.nan}, {"seconds": -1.0}, {"year": 2**63}])
    def test_numbers_that_no_track_has_are_refused(
        self, store: VectorStore, told: str, fields: dict[str, float]
    ) -> None:
        with pytest.raises(ValueError, match="seconds long"):
            store.upsert(told, [row("x", random_vectors(1)[0], **fields)])
        assert store.count(told) == COUNT
