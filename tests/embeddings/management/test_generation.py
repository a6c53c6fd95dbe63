"""`manage.py generation`, as scripts and people use it."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Value
from django.db.models.functions import Concat

from embeddings.embedders import get_spec
from embeddings.management.reembed.speech import ExitCode
from embeddings.models import AuditEntry, Generation, Track
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.archive.library import fill, forget_database, make_tracks

pytestmark = pytest.mark.django_db

SPEC = get_spec("latent")


@pytest.fixture
def generation(store: VectorStore) -> Generation:
    return fill(make_tracks(12), store, spec=SPEC)


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("generation", *map(str, arguments), stdout=out)
    return out.getvalue()


def told(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def refused(*arguments: object) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value


def test_the_list_shows_what_there_is(generation: Generation) -> None:
    assert f"{generation}  latent version 1, live, embedded: 12 vectors, begun " in run("list")
    assert run("list", "--model", "muq") == "There is no generation yet.\n"
    (found,) = told("list")["generations"]
    assert (found["generation"], found["vectors"], found["state"]) == (generation.collection, 12, "live")


def test_a_generation_goes_out_and_comes_back(generation: Generation, tmp_path: Path) -> None:
    written = told("export", generation.collection, "--to", tmp_path / "out")
    assert (written["rows"], written["parts"], written["lacking"]) == (12, 1, 0)
    read = told("import", tmp_path / "out")
    assert (read["stored"], read["unmapped"], read["state"]) == (12, 0, "building")
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "door")) == [
        ("export", "command"),
        ("import", "command"),
    ]


def test_people_are_told_what_to_do_next(generation: Generation, tmp_path: Path) -> None:
    run("export", "latent", "--to", tmp_path / "out")
    said = run("import", tmp_path / "out")
    made = Generation.objects.get(origin="imported")
    assert f"12 of 12 vectors are in {made}, which is Building; then: manage.py reembed verify {made}" in said


def test_a_backup_has_a_place_of_its_own(generation: Generation, tmp_path: Path, settings: Any) -> None:
    settings.BACKUP_DIR = str(tmp_path / "backups")
    assert f"12 vectors of {generation} are in" in run("export", f"latent:{generation.number}")
    assert (tmp_path / "backups" / generation.collection / "manifest.json").exists()


def test_what_is_left_out_is_listed(generation: Generation, tmp_path: Path) -> None:
    run("export", "latent", "--to", tmp_path / "out")
    forget_database()
    make_tracks(11)
    said = run("import", tmp_path / "out", "--left-out", tmp_path / "left.tsv")
    assert "1 are of tracks that the catalogue does not have." in said
    assert (tmp_path / "left.tsv").read_text().endswith("\tÄrtist/00011.flac\tÄrtist - Title 11\n")


def test_a_list_that_cannot_be_written_is_refused_before_anything_is_done(
    generation: Generation, tmp_path: Path
) -> None:
    run("export", "latent", "--to", tmp_path / "out")
    said = str(refused("import", tmp_path / "out", "--left-out", tmp_path))
    assert said == f"{tmp_path} cannot be written: Is a directory."
    assert Generation.objects.get() == generation


def test_an_archive_of_strangers_needs_to_be_wanted(generation: Generation, store: VectorStore, tmp_path: Path) -> None:
    run("export", "latent", "--to", tmp_path / "out")
    Track.objects.update(path=Concat(Value("other "), "path"), signature="9:9", navidrome_id="")
    store.remove_alias(SPEC.alias)
    store.drop(generation.collection)
    assert "--allow-fewer" in str(refused("import", tmp_path / "out"))
    assert generation.vectors.count() == 12
    assert told("import", tmp_path / "out", "--allow-fewer")["stored"] == 0


def test_refusals_have_a_sentence_and_a_code(generation: Generation, tmp_path: Path) -> None:
    for arguments in (("export", "nothing"), ("export", "muq"), ("import", tmp_path), ("adopt", "--models", "latent")):
        assert refused(*arguments).returncode == ExitCode.REFUSED
    assert str(refused("adopt", "--models", "latent")) == "There is no collection latent_embedding to adopt."


def test_a_store_that_is_away_has_another_code(generation: Generation, tmp_path: Path, settings: Any) -> None:
    settings.MILVUS_URI = "http://127.0.0.1:1"
    assert refused("export", "latent", "--to", tmp_path / "out").returncode == ExitCode.AWAY


def test_programs_are_told_why_nothing_was_done(generation: Generation, tmp_path: Path) -> None:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("generation", "import", str(tmp_path), "--json", stdout=out)
    assert json.loads(out.getvalue())["error"]["code"] == "no_archive"


def test_arguments_that_mean_nothing_are_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("generation", "melt")
