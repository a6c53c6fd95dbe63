"""`manage.py recommend`, `path` and `answers`: what they print, and the sentences that they end with."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from embeddings.management.reembed.speech import ExitCode
from embeddings.models import Track
from recommendations.models import Answered
from tests.recommendations.library import MadeLibrary
from tests.recommendations.served import song

pytestmark = pytest.mark.django_db


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command(*arguments)
    return capsys.readouterr().out


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(shown(capsys, *arguments, "--json"))
    return answer


def test_a_list_has_tracks_scores_and_reasons(served: MadeLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys, "recommend", "song", "00.0.1", "--count", "4")
    assert "Recommended by acoustic, muq" in said
    assert "Close to" in said
    assert said.count("0.9") >= 1


def test_everything_that_may_be_named_is_named(served: MadeLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    seed = song(served, "Song 00.0.1")
    arguments = ["--like", str(seed.pk), "--like", "Song 01.0.2", "--album", "album 02.0", "--artist", "Artist 03"]
    answer = found(capsys, "recommend", *arguments, "--count", "6", "--year", "1960-1990", "--diversity", "0.3")
    tracks = [one["track"] for one in answer["tracks"]]
    assert len(tracks) == 6
    assert all(track["year"] <= 1990 and track["album"] != "Album 02.0" for track in tracks)
    assert "Artist 03" not in {track["artist"] for track in tracks}


def test_words_and_genres_are_understood(served: MadeLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--text", "jazz please", "--models", "muq", "--genre", "jazz", "--count", "3"]
    answer = found(capsys, "recommend", *arguments)
    assert [one["track"]["genres"] for one in answer["tracks"]] == [["Jazz"]] * 3
    assert answer["models"] == ["muq"]


def test_what_is_disliked_is_named_as_seeds_are(served: MadeLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    plain = found(capsys, "recommend", "song", "00.0.1", "--count", "5")
    first = plain["tracks"][0]["track"]
    disliked = ["--not-track", first["title"], "--not-artist", plain["tracks"][1]["track"]["artist"]]
    answer = found(capsys, "recommend", "song", "00.0.1", "--count", "5", *disliked)
    assert first["id"] not in {one["track"]["id"] for one in answer["tracks"]}
    assert answer["tracks"] != plain["tracks"]


def test_what_is_weaker_than_asked_is_said_beside_the_list(
    served: MadeLibrary, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("recommend", "song", "00.0.1", "--genre", "Jazz", "--per-artist", "1", "--count", "9")
    assert "instead of 9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name a track, or say what the music is like"),
        (["song"], "matches several tracks"),
        (["nothing like it"], "No track matches"),
        (["song 00.0.1", "--album", "album"], "matches several albums"),
        (["song 00.0.1", "--mode", "nonsense"], "There is no mode 'nonsense'"),
        (["song 00.0.1", "--models", "nonsense"], "There is no model 'nonsense'"),
        (["song 00.0.1", "--agreement", "3"], "only 2 are asked"),
        (["song 00.0.1", "--count", "501"], "--count has to be between 1 and 500"),
        (["song 00.0.1", "--diversity", "2"], "--diversity has to be between 0 and 1"),
        (["song 00.0.1", "--penalty", "0.1"], "--penalty has to be between 0.3 and 1"),
        (["song 00.0.1", "--tuning", "sharpness"], "NAME=NUMBER"),
        (["song 00.0.1", "--tuning", "nonsense=1"], "A mode has no 'nonsense'"),
        (["song 00.0.1", "--tuning", "sharpness=-1"], "sharpness has to be between 0 and 1000"),
        (["song 00.0.1", "--year", "now"], "--year reads"),
        (["song 00.0.1", "--year", "2000-1990"], "ends before it begins"),
        (["--playlist", "1"], "Playlists are read from Navidrome"),
    ],
)
def test_what_cannot_be_is_a_sentence(served: MadeLibrary, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("recommend", *arguments)
    assert refused.value.returncode == ExitCode.REFUSED


def test_a_path_is_printed_step_by_step(served: MadeLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys, "path", "Song 00.0.1", "Song 03.1.4", "--steps", "5")
    assert "A path by acoustic, muq" in said
    lines = [line for line in said.splitlines() if "Song" in line]
    assert ("Song 00.0.1" in lines[0], "Song 03.1.4" in lines[-1], len(lines)) == (True, True, 5)
    steps = found(capsys, "path", "Song 00.0.1", "Song 03.1.4", "--models", "muq", "--steps", "4")["steps"]
    assert len(steps) == 4


def test_a_path_that_cannot_be_is_a_sentence(served: MadeLibrary) -> None:
    with pytest.raises(CommandError, match="these are the same"):
        call_command("path", "Song 00.0.1", "Song 00.0.1")


def test_the_log_is_written_out_line_by_line(
    served: MadeLibrary, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.REQUEST_LOG_DAYS = 30
    for title in ("Song 00.0.1", "Song 01.0.1"):
        call_command("recommend", title, "--count", "2")
    capsys.readouterr()
    file = tmp_path / "answers.jsonl"
    assert "2 answers are in" in shown(capsys, "answers", "export", str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["request"]["seeds"][0]["key"] for line in lines] == [
        str(song(served, title).pk) for title in ("Song 00.0.1", "Song 01.0.1")
    ]
    assert {"id", "score", "rankBefore"} == set(lines[0]["tracks"][0])
    assert lines[0]["door"] == "command"


def test_the_log_is_asked_again(served: MadeLibrary, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.REQUEST_LOG_DAYS = 30
    call_command("recommend", "Song 00.0.1", "--count", "4")
    capsys.readouterr()
    assert found(capsys, "answers", "replay")["overlap"] == 1
    said = shown(capsys, "answers", "replay", "--models", "muq", "--diversity", "0.9", "--each")
    assert "1 requests were asked again." in said
    assert "overlap" in said
    assert Answered.objects.count() == 1


def test_an_empty_log_says_how_to_fill_it(db: None) -> None:
    with pytest.raises(CommandError, match="REQUEST_LOG_DAYS=30"):
        call_command("answers", "replay")


def test_the_log_is_thrown_away(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    Answered.objects.create(door="api", mode="custom", request={}, seconds=0)
    assert "1 answers were thrown away" in shown(capsys, "answers", "clear")
    assert not Answered.objects.exists()


def test_a_file_that_cannot_be_written_is_a_sentence(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("answers", "export", str(tmp_path / "nowhere" / "answers.jsonl"))


def test_a_library_without_vectors_says_what_to_do(catalogue: list[Track]) -> None:
    with pytest.raises(CommandError, match="start a job"):
        call_command("recommend", catalogue[0].title)
