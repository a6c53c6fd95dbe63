"""The projection of MERT's vectors measured: `python -m bench.projection [--library FOLDER] [--checkpoint FOLDER]`."""

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from bench.figure import Figure, show
from bench.library.build import build
from bench.library.debian import LibraryUnavailable
from bench.projection.clusters import Clusters
from bench.projection.music import Mert, Music, RandomNet
from bench.projection.neighbours import LongVectors, compare
from embeddings.embedders import get_spec
from embeddings.embedders.projection import project, tables

STORED = get_spec("mert").dimension
DIMENSIONS = (STORED // 2, STORED, STORED * 2)
QUERIES = 200
CROWDED = (0.93, 0.85, 0.08)
"""Mean cosines within the blocks, as vectors of pretrained audio models have them."""
SPREAD = (0.3, 0.3, 0.08)
"""No such model is known; what the projection does when its vectors are not crowded."""


def figures(vectors: LongVectors, *, barred: bool = True) -> Iterator[Figure]:
    """What each dimension keeps; the bars are for the one that the store has."""
    queries = np.random.default_rng(3).choice(vectors.count, min(QUERIES, vectors.count), replace=False)
    projections = {str(dimension): partial(project, dimension=dimension) for dimension in DIMENSIONS}
    for dimension, kept in compare(vectors, queries, projections).items():
        text = f"{vectors.name}, {vectors.count} to {dimension} dimensions:"
        bars = barred and dimension == str(STORED)
        lost, most_lost = 1000 * (1 - kept.cosine), 1000 * (1 - kept.worst_cosine)
        bar = 1.0 if bars else None
        yield Figure(
            name=f"{text} cosine that the ten nearest lose", value=lost, unit="permille", bar=bar, at_most=True
        )
        yield Figure(name=f"{text} exact ten within first hundred", value=kept.within, bar=bar)
        yield Figure(name=f"{text} cosine lost, worst query", value=most_lost, unit="permille")
        yield Figure(name=f"{text} deepest exact neighbour", value=kept.deepest, unit="rank")
        yield Figure(name=f"{text} recall@10", value=kept.recall)


def costs() -> Iterator[Figure]:
    """What making the tables and projecting one vector takes, on one core."""
    began = time.perf_counter()
    tables.__wrapped__(get_spec("mert").outside_dimension, STORED)
    yield Figure(name="tables, once", value=1000 * (time.perf_counter() - began), unit="ms")
    rows = np.random.default_rng(5).standard_normal((100, get_spec("mert").outside_dimension), np.float32)
    project(rows[0], STORED)
    began = time.perf_counter()
    for row in rows:
        project(row, STORED)
    yield Figure(name="one vector", value=10 * (time.perf_counter() - began), unit="ms", bar=5, at_most=True)


def everything(given: argparse.Namespace) -> Iterator[Figure]:
    """All figures, as they come."""
    yield from costs()
    yield from figures(Clusters("crowded clusters", given.tracks, CROWDED))
    yield from figures(Clusters("spread clusters", given.tracks, SPREAD), barred=False)
    music = Music.heard("music, random net", given.library, 20.0, RandomNet())
    yield from figures(music)
    yield from figures(music.centred(), barred=False)
    if given.checkpoint:
        mert = Mert(given.checkpoint, given.device)
        yield from figures(Music.heard("music, checkpoint", given.library, 40.0, mert))


def main() -> int:
    """Print the figures; 1 where a bar is missed or the library cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m bench.projection", description=__doc__)
    parser.add_argument("--tracks", type=int, default=20_000, help="made-up tracks of each kind")
    parser.add_argument("--library", type=Path, help="any folder of music; by default the evaluation's is built")
    parser.add_argument("--checkpoint", type=Path, help="a MERT checkpoint, to hear the library with as well")
    parser.add_argument("--device", default="cpu", help="where that runs, as torch names it")
    given = parser.parse_args()
    if given.library is None:
        given.library = Path("var/bench/library")
        try:
            build(given.library, Path("var/bench/packages").resolve())
        except LibraryUnavailable as error:
            print(f"bench projection cannot run: {error}", file=sys.stderr)
            return 1
    return show(everything(given))


if __name__ == "__main__":
    sys.exit(main())
