"""On which numbers the recommendations' settings rest; `python -m bench.quality [--library FOLDER] [--keep FOLDER]`.

The protocol is the one of `bench/evaluation/README.md`. The library's pieces are embedded once and kept; what is
measured afterwards takes minutes. `mfcc` and `spectral` stand in for models that crowd: their raw cosines are all
near 1. Neural models take part where --checkpoints has a folder of each; random weights tell nothing of what they hear.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.acoustic import WORK, at_hand
from bench.library.debian import LibraryUnavailable
from bench.quality import copies, hubness, merges, penalties, pools, variety
from bench.quality.corpus import Corpus, gather

SECTIONS: dict[str, tuple[str, Callable[[Corpus], Iterator[str]]]] = {
    "hubs": ("Hub correction: (a), (c) and how evenly tracks come up", hubness.lines),
    "merges": ("Merging models, raw and calibrated", merges.lines),
    "pools": ("Several seeds: sharpness of the pooling", pools.lines),
    "variety": ("Diversity, caps, exploration, dislikes", variety.lines),
    "copies": ("Copies of one recording: threshold", copies.lines),
    "penalties": ("What penalties do in a large library", penalties.lines),
}


def main() -> int:
    """Print the tables; 1 where the library cannot be had."""
    given = _arguments()
    try:
        corpus = gather(at_hand(given.library), given.keep, given.checkpoints)
    except LibraryUnavailable as error:
        print(f"bench quality cannot run: {error}", file=sys.stderr)
        return 1
    known = ", ".join(corpus.models)
    print(
        f"{len(corpus.tracks)} tracks, {len(corpus.pairs[0])} pairs of excerpts, {len(corpus.copies)} copies; {known}"
    )
    for name in given.only or SECTIONS:
        title, lines = SECTIONS[name]
        print(f"\n### {title}\n", flush=True)
        for line in lines(corpus):
            print(line, flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    parser.add_argument("--library", type=Path, help="made by `python -m bench.library`; built on demand by default")
    parser.add_argument("--keep", type=Path, default=WORK / "quality", help="folder for altered copies and vectors")
    parser.add_argument(
        "--checkpoints", type=Path, help="folder with muq/, mert/ or latent/; without, they are left out"
    )
    parser.add_argument("--only", nargs="*", choices=list(SECTIONS), help="some of the tables")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
