"""`manage.py generation adopt`."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from embeddings.store.base import VectorStore
from tests.embeddings.jobs.adoption.predecessor import Predecessor
from tests.embeddings.jobs.archive.library import make_tracks, unit_vectors

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(old: Predecessor, store: VectorStore) -> None:
    """Two old collections with two names each, of which the catalogue knows one."""
    make_tracks(1)
    for collection, dimension in (("embedding", 1536), ("latent_embedding", 576)):
        old.make(collection, dimension)
        vectors = unit_vectors(2, dimension)
        old.insert(collection, {"Ärtist - Title 0": vectors[0], "Nobody -\nNothing": vectors[1]})


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("generation", "adopt", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_everything_that_is_found_is_adopted(two: None, tmp_path: Path) -> None:
    said = run("--left-out", tmp_path / "left.tsv")
    assert "muq: 1 of 2 vectors are in embedding_g0000, which is Live. A job makes new ones beside them." in said
    assert "latent: 1 of 2 vectors are in latent_embedding_g0000" in said
    assert said.count("1 left out: no track has the name") == 2
    assert (tmp_path / "left.tsv").read_text() == "unknown\tNobody - Nothing\n" * 2


def test_programs_are_told_in_figures(two: None) -> None:
    (found,) = json.loads(run("--models", "latent", "--json"))["adopted"]
    assert (found["generation"], found["stored"], found["unknown"]) == ("latent_embedding_g0000", 1, 1)


def test_the_old_collections_are_dropped_when_told_to(two: None, store: VectorStore) -> None:
    run()
    assert run("--drop-old") == "Dropped: embedding_predecessor, latent_embedding_predecessor.\n"
    assert store.collections() == ["embedding_g0000", "latent_embedding_g0000"]


def test_a_store_without_any_is_said(store: VectorStore) -> None:
    with pytest.raises(CommandError, match="no collection of the program before this one"):
        run()


@pytest.mark.parametrize("both", [("--compare", "--trust"), ("--drop-old", "--trust"), ("--drop-old", "--compare")])
def test_what_excludes_each_other_is_refused(both: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        run(*both)


def test_a_list_of_what_dropping_leaves_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing for --left-out"):
        run("--drop-old", "--left-out", tmp_path / "left.tsv")


def test_what_one_model_left_out_is_written_before_the_next_begins(
    two: None, old: Predecessor, store: VectorStore, tmp_path: Path
) -> None:
    old.make("mert_embedding", 100)
    with pytest.raises(CommandError, match="is not one that can be adopted as mert"):
        run("--models", "latent,mert,muq", "--left-out", tmp_path / "left.tsv")
    assert (tmp_path / "left.tsv").read_text() == "unknown\tNobody - Nothing\n"


def test_a_list_that_cannot_be_written_is_refused_first(two: None, store: VectorStore, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        run("--left-out", tmp_path / "nowhere" / "left.tsv")
    assert store.collections() == ["embedding", "latent_embedding"]
