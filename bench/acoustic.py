"""The `acoustic` model against librosa baselines on real music; `python -m bench.acoustic [--library FOLDER]`."""

import argparse
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.evaluation.alterations import write_copies
from bench.evaluation.protocol import Piece, library_pieces, read_manifest, tracks_to_alter
from bench.evaluation.report import Scorecard, detail_lines, score, table_lines
from bench.evaluation.speed import Speed, measure_speed
from bench.evaluation.systems import baseline_vectors, model_vectors
from bench.figure import Figure
from bench.library.build import build
from bench.library.debian import LibraryUnavailable, require

WORK = Path("var/bench")
OURS = "acoustic"


def figures(cards: Mapping[str, Scorecard], speed: Speed) -> Iterator[Figure]:
    """Every bar: each measure beats the best baseline at it; copies are found; a core is fast enough."""
    baselines = [card.measures() for name, card in cards.items() if name != OURS]
    for name, value in cards[OURS].measures().items():
        best = max(measures[name] for measures in baselines)
        yield Figure(name=f"{name} over the best baseline", value=value - best, bar=0.001)
        if name == "(a) A->B recall@1":
            yield Figure(name=f"{name} over the best baseline, wanted", value=value - best, bar=0.08)
    copies = cards[OURS].duplicates
    yield Figure(name="(b) altered copies found at the threshold", value=copies.recall, bar=0.98)
    yield Figure(name="(b) false pairs", value=copies.false_pairs, unit="pairs", bar=0, at_most=True)
    yield Figure(name="speed per core, decoding aside", value=speed.times_real_time, unit="x real time", bar=100)
    yield Figure(name="CPU per four minutes", value=speed.cpu_per_four_minutes, unit="s", bar=0.35, at_most=True)


def prepare(library: Path) -> list[Piece]:
    """The protocol's pieces; altered copies are written where they do not exist yet."""
    tracks = read_manifest(library)
    copies = write_copies(tracks_to_alter(tracks), WORK / "altered" / library.resolve().name)
    return [*library_pieces(tracks), *copies]


def compare(pieces: list[Piece]) -> dict[str, Scorecard]:
    """Ours by plain cosine, the baselines both plain and standardised over this library."""
    cards = {OURS: score(model_vectors(pieces, OURS), pieces)}
    for name, vectors in baseline_vectors(pieces, WORK / "baselines").items():
        cards[name] = score(vectors, pieces)
        cards[f"{name}, standardised"] = score(vectors, pieces, standardise=True)
    return cards


def at_hand(library: Path | None) -> Path:
    """The library to measure on; the default one is built where it does not exist yet.

    Raises:
        LibraryUnavailable: it, or a program or package that the comparison needs, is missing.

    """
    if importlib.util.find_spec("librosa") is None:
        raise LibraryUnavailable("the baselines need librosa: pip install -r requirements-bench.txt")
    require("ffmpeg")
    if library is None:
        library = WORK / "library"
        build(library, (WORK / "packages").resolve())
    if not (library / "manifest.json").exists():
        raise LibraryUnavailable(f"{library} has no manifest.json; make one with: python -m bench.library {library}")
    return library


def main() -> int:
    """Print the comparison and the figures; 1 where the library cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, help="made by `python -m bench.library`; built on demand by default")
    try:
        library = at_hand(parser.parse_args().library)
    except LibraryUnavailable as error:
        print(f"bench acoustic cannot run: {error}", file=sys.stderr)
        return 1
    pieces = prepare(library)
    cards = compare(pieces)
    print("\n".join(table_lines(cards)), *detail_lines(cards[OURS]), sep="\n")
    print("\n".join(figure.line() for figure in figures(cards, measure_speed(pieces, OURS))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
