"""`manage.py sync` and the configuration behind it."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from embeddings import conf
from embeddings.library import configured_source
from embeddings.models import Track
from tests.embeddings.library.shelves import add_row, make_navidrome


@pytest.mark.django_db
def test_one_sentence_tells_what_happened(settings: Any) -> None:
    settings.MUSIC = str(settings.SAMPLE_MUSIC)
    assert run().startswith("sample: 23 added, 0 changed, 0 moved, 0 gone, 0 unchanged in ")
    assert run().startswith("sample: 0 added, 0 changed, 0 moved, 0 gone, 23 unchanged in ")


@pytest.mark.django_db
def test_a_missing_folder_is_a_sentence_and_no_traceback(settings: Any, tmp_path: Path) -> None:
    settings.MUSIC = str(tmp_path / "unmounted")
    with pytest.raises(CommandError, match="is its disk mounted"):
        run()


@pytest.mark.django_db
def test_navidrome_is_read_where_it_is_configured(settings: Any, tmp_path: Path) -> None:
    make_navidrome(tmp_path / "navidrome.db", "0.64", libraries=[(1, "Music", "/music/rock")])
    add_row(tmp_path / "navidrome.db", id="1", library_id=1, path="a.mp3")
    settings.NAVIDROME_DB = str(tmp_path / "navidrome.db")
    settings.NAVIDROME_PATH_MAP = f"/music={tmp_path}"
    errors = StringIO()
    assert run(stderr=errors).startswith("Music: 1 added")
    assert Track.objects.get().library.root == f"{tmp_path}/rock"
    assert "is no folder of this machine" in errors.getvalue()


def test_without_any_configuration_the_sample_is_the_library(settings: Any) -> None:
    settings.MUSIC = settings.NAVIDROME_DB = ""
    (listing,) = configured_source(conf.library()).listings({})
    assert len(listing.tracks) == 23


def run(**streams: Any) -> str:
    out = StringIO()
    call_command("sync", stdout=out, **streams)
    return out.getvalue()
