"""The arguments of `manage.py reembed`, verb by verb."""

import argparse
from pathlib import Path

from embeddings.embedders import SPECS
from embeddings.models import Scope

SCOPES = "missing: no vector yet, or the file changed (default); all; failed: what failed before; selection"
VERBS = {
    "start": "start a job and watch it",
    "status": "show a job; the newest when none is named",
    "failures": "list the files that failed, and why",
    "retry-failed": "try failed tracks again, also those of a finished or cancelled job",
    "pause": "hold a job after the tracks in hand",
    "resume": "go on with a paused job, or with a waiting one before its time",
    "cancel": "stop a job after the tracks in hand; what was embedded stays",
    "verify": "examine a generation: rows, vectors, coverage, a sample embedded anew",
    "promote": "let searches read a generation that was verified",
    "rollback": "let searches read the generation before the live one again",
    "cleanup": "list the generations that nobody needs any more; drop them with --yes",
    "create-config": "write a configuration file for start --config, to be changed",
}
OF_JOBS = ("status", "failures", "retry-failed", "pause", "resume", "cancel")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    parsers = {name: verbs.add_parser(name, help=said, description=said) for name, said in VERBS.items()}
    for one in parsers.values():
        one.add_argument("--json", action="store_true", help="answer with one JSON object, for programs")
    for name in OF_JOBS:
        parsers[name].add_argument("job", type=int, nargs="?", help="number of the job; the newest when none is named")
    _what_to_start(parsers["start"])
    _how_to_work(parsers["start"])
    parsers["status"].add_argument("--watch", action="store_true", help="follow it to its end")
    parsers["failures"].add_argument("--code", default="", help="only failures of this code")
    parsers["retry-failed"].add_argument("--code", action="append", default=[], help="only failures of this code")
    track = "only this track, by our id or Navidrome's; may be given more than once"
    parsers["retry-failed"].add_argument("--track", action="append", default=[], help=track)
    _generations(parsers)
    parsers["create-config"].add_argument("file", type=Path, nargs="?", help="where to; to the terminal when not named")
    parsers["create-config"].add_argument("--overwrite", action="store_true", help="also where a file is")


def _what_to_start(start: argparse.ArgumentParser) -> None:
    start.add_argument("--config", type=Path, help="a file as `create-config` writes it; other arguments win over it")
    start.add_argument("--scope", choices=Scope.values, default=None, help=SCOPES)
    start.add_argument("--models", default="", help=f"comma-separated, from: {', '.join(SPECS)}")
    start.add_argument("--artist", default="", help="only tracks of this artist")
    start.add_argument("--album", default="", help="only tracks of this album")
    start.add_argument("--library", type=int, help="only this library, by its number in the admin")
    start.add_argument("--ids", default="", help="only these tracks, comma-separated ids, ours or Navidrome's")
    rebuild = "fill a new generation beside the live one, which serves meanwhile"
    start.add_argument("--rebuild", action=argparse.BooleanOptionalAction, default=None, help=rebuild)
    start.add_argument("--detach", action="store_true", help="do not watch it")


def _how_to_work(start: argparse.ArgumentParser) -> None:
    start.add_argument("--batch-size", type=int, help="operations of one slice")
    start.add_argument("--max-retries", type=int, help="automatic attempts after the first; 0 for none")
    start.add_argument("--delay", type=float, help="seconds between two slices, which others may use")
    switches = {
        "verify": "verify a generation that was filled; done unless told otherwise",
        "promote": "let it take the place of the live one when it passed; done unless told otherwise",
        "backup": "export the live generation before it is replaced; only when told to",
    }
    for name, said in switches.items():
        start.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=said)


def _generations(parsers: dict[str, argparse.ArgumentParser]) -> None:
    which = "its collection (embedding_g0002), model and number (muq:2), or a model: its newest that is not live"
    for name in ("verify", "promote"):
        parsers[name].add_argument("generation", help=which)
    parsers["verify"].add_argument("--detach", action="store_true", help="do not wait for the report")
    parsers["promote"].add_argument("--force", action="store_true", help="although it was not verified, or failed")
    parsers["promote"].add_argument("--because", default="", help="the reason, which is kept; needed with --force")
    parsers["rollback"].add_argument("model", choices=sorted(SPECS), help="whose searches")
    parsers["cleanup"].add_argument("--yes", action="store_true", help="drop what is listed")
