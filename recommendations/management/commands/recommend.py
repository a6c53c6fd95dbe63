"""`manage.py recommend`: a list for tracks, albums, artists, playlists and words, with the reason of each track."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from embeddings.errors import Refused
from embeddings.management.reembed.speech import Speech, exit_codes
from recommendations.domain import Dislikes, Filter, Negatives, Prompt, Request, Seed
from recommendations.logbook.answering import answer
from recommendations.management import choosing
from recommendations.management.finding import find_key, find_track
from recommendations.results import Answer, Recommendation
from recommendations.store import vector_store
from recommendations.telling import answer_out

DOOR = "command"
HELP_TRACK = "what it should sound like: our id, Navidrome's id, or words of artist, title, album or path"


class Command(BaseCommand):
    """Look up what was named, recommend, print a table."""

    help = "Recommend tracks for tracks, albums, artists, playlists and words, and say why each is there."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("track", nargs="*", help=HELP_TRACK)
        many = {
            "like": ("TRACK", "one more track, by id or by words; may be given several times, as the next ones"),
            "album": ("NAME", "an album, by its name or id"),
            "artist": ("NAME", "an artist, by name or id"),
            "playlist": ("ID", "a playlist of Navidrome"),
            "text": ("WORDS", 'what the music is like: "sad slow piano"'),
            "without": ("WORDS", 'what it is not like: "vocals"'),
            "not-track": ("TRACK", "a track that is disliked, by id or by words; what sounds like it moves down"),
            "not-artist": ("NAME", "an artist who is disliked, by name or id; what sounds like that moves down"),
            "genre": ("NAME", "only tracks of this genre"),
        }
        for name, (shown, said) in many.items():
            parser.add_argument(f"--{name}", action="append", default=[], metavar=shown, help=said)
        parser.add_argument("--year", metavar="FROM-TO", help="only tracks of these years: 1990-1999, 1990-, 1995")
        parser.add_argument("--user", default="", help="for whom, at Navidrome: plays, stars and ratings count")
        parser.add_argument("--count", type=int, default=10, help="how many tracks")
        choosing.declare(parser)
        parser.add_argument("--json", action="store_true", help="answer with one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Recommend and print."""
        speech = Speech(self.stdout, options["json"])
        with exit_codes(speech):
            found = answer(_request(options), store=vector_store(), door=DOOR)
        if options["json"]:
            speech.answer("", **answer_out(found))
            return
        for warning in found.warnings:
            self.stderr.write(self.style.WARNING(warning))
        _show(found)


def _request(options: dict[str, Any]) -> Request:
    """Make the request of what was given.

    Raises:
        Refused: it names nothing, or something that is not there.

    """
    seeds, prompts = list(_seeds(options)), [Prompt(text=words) for words in options["text"]]
    if not seeds and not prompts and not options["user"]:
        raise Refused('Name a track, or say what the music is like: --text "sad slow piano"', code="nothing_asked")
    configuration = choosing.chosen(options)
    plain = Request(
        mode="custom" if seeds or not prompts else "text",
        user=options["user"],
        seeds=seeds,
        prompts=prompts,
        negatives=Negatives(prompts=[Prompt(text=words) for words in options["without"]]),
        dislikes=Dislikes(
            track_ids=[str(find_track(named).pk) for named in options["not_track"]],
            artist_keys=[find_key("artist", named) for named in options["not_artist"]],
        ),
        filter=Filter(genres=options["genre"], years=_years(options["year"] or "")),
    )
    return configuration.applied(plain)


def _seeds(options: dict[str, Any]) -> Iterator[Seed]:
    words = " ".join(options["track"])
    for named in [words, *options["like"]] if words else options["like"]:
        yield Seed(key=str(find_track(named).pk))
    for album in options["album"]:
        yield Seed(kind="album", key=find_key("album", album))
    for artist in options["artist"]:
        yield Seed(kind="artist", key=find_key("artist", artist))
    for playlist in options["playlist"]:
        yield Seed(kind="playlist", key=playlist)


def _years(written: str) -> tuple[int | None, int | None]:
    first, dash, last = written.partition("-")
    try:
        least = int(first) if first.strip() else None
        most = (int(last) if last.strip() else None) if dash else least
    except ValueError:
        raise Refused(f"--year reads 1990-1999, 1990- or 1995, not {written!r}.", code="bad_arguments") from None
    if least is not None and most is not None and least > most:
        raise Refused(f"--year {written} ends before it begins.", code="bad_arguments")
    return least, most


def _show(found: Answer) -> None:
    if not found.tracks:
        Console().print("Nothing was found.")
        return
    table = Table(title=f"Recommended by {', '.join(found.models)}", title_justify="left")
    table.add_column("", justify="right")
    table.add_column("score", justify="right")
    table.add_column("track", ratio=1)
    table.add_column("why", ratio=1)
    doubled = _doubled(found.tracks)
    for place, one in enumerate(found.tracks, start=1):
        candidate = one.candidate
        below = candidate.path if candidate.name in doubled else candidate.album
        named = escape(candidate.name) + (f"\n[dim]{escape(below)}[/dim]" if below else "")
        table.add_row(str(place), f"{one.score:.3f}", named, escape(one.explanation.sentence))
    Console().print(table)


def _doubled(tracks: Sequence[Recommendation]) -> set[str]:
    """Names that several tracks share, which their paths tell apart."""
    names = [one.candidate.name for one in tracks]
    return {name for name in names if names.count(name) > 1}
