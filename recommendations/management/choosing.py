"""The arguments of commands that recommend: how models are merged, how varied the list is, what a mode means."""

import argparse
from collections.abc import Mapping
from typing import Any, get_args

from embeddings.embedders import SPECS
from embeddings.errors import Refused
from recommendations.configuration import Configuration
from recommendations.domain import LEAST_PENALTY, MOST_LIMIT, Strategy
from recommendations.modes import MODES, RANGES, tuned


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what a configuration is made of."""
    parser.add_argument("--mode", help=f"how to listen: {', '.join(MODES)}")
    parser.add_argument("--models", metavar="KEYS", help=f"comma-separated, from: {', '.join(SPECS)}; by default all")
    parser.add_argument("--merge", choices=get_args(Strategy), help="how models become one list; by default union")
    order = "for --merge priority: models, the first one first, comma-separated"
    parser.add_argument("--priority", metavar="KEYS", help=order)
    parser.add_argument("--agreement", type=int, metavar="K", help="only tracks that K models have found")
    parser.add_argument("--diversity", type=float, metavar="0..1", help="how unlike each other the tracks are")
    parser.add_argument("--per-artist", type=int, metavar="N", help="tracks of one artist at most; 0 for any number")
    parser.add_argument("--per-album", type=int, metavar="N", help="tracks of one album at most; 0 for any number")
    parser.add_argument("--versions", action="store_true", help="also several copies of the same recording")
    kept = f"what is left of a track like what is not wanted: {LEAST_PENALTY} to 1"
    parser.add_argument("--penalty", type=float, help=kept)
    parameters = f"parameters of the mode: sharpness=2,exploration=0.3; there are {', '.join(RANGES)}"
    parser.add_argument("--tuning", metavar="NAME=NUMBER,...", help=parameters)


def chosen(options: dict[str, Any]) -> Configuration:
    """Make the configuration of what was given.

    Raises:
        Refused: a number means nothing here.

    """
    return Configuration(
        mode=options["mode"],
        limit=within("count", options.get("count"), 1, MOST_LIMIT),
        models=keys(options["models"]) if options["models"] is not None else None,
        merge=_merge(options),
        variety=_variety(options),
        penalty=within("penalty", options["penalty"], LEAST_PENALTY, 1),
        tuning=tuned(_numbers(options["tuning"] or "")),
    )


def keys(listed: str) -> list[str]:
    """The names in a comma-separated list."""
    return [key.strip() for key in listed.split(",") if key.strip()]


def _merge(options: dict[str, Any]) -> Mapping[str, Any]:
    ranked = {key: place for place, key in enumerate(keys(options["priority"] or ""), start=1)}
    given = {
        "strategy": options["merge"] or ("priority" if ranked else None),
        "agreement": within("agreement", options["agreement"], 1, len(SPECS)),
        "priorities": ranked or None,
    }
    return _given(given)


def _variety(options: dict[str, Any]) -> Mapping[str, Any]:
    given = {
        "diversity": within("diversity", options["diversity"], 0, 1),
        "per_artist": within("per-artist", options["per_artist"], 0, MOST_LIMIT),
        "per_album": within("per-album", options["per_album"], 0, MOST_LIMIT),
        "versions": options["versions"] or None,
    }
    return _given(given)


def _given(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def within(name: str, number: Any, least: float, most: float) -> Any:
    """The number of an option, or None where it was not given.

    Raises:
        Refused: it is out of its range.

    """
    if number is not None and not least <= number <= most:
        raise Refused(f"--{name} has to be between {least:g} and {most:g}, not {number:g}.", code="bad_arguments")
    return number


def _numbers(written: str) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for part in keys(written):
        name, _, number = part.partition("=")
        try:
            numbers[name.strip().replace("-", "_")] = float(number)
        except ValueError:
            raise Refused(f"--tuning reads NAME=NUMBER, not {part!r}.", code="bad_tuning") from None
    return numbers
