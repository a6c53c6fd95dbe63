"""`python -m bench.fitting`: fits the acoustic model's constants, checks them on unseen games, writes the file."""

import logging
import sys
from pathlib import Path

from bench.evaluation.protocol import hash_unit
from bench.fitting.check import CONSTANTS, first_finds_last, write
from bench.fitting.music import songs
from bench.fitting.solve import fit
from bench.library.debian import LibraryUnavailable

WORK = Path("var/bench/fitting")


def main() -> int:
    """Fit on each half of the games, test on the other; then fit on all and write."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        music = songs(WORK)
    except LibraryUnavailable as error:
        print(f"bench fitting cannot run: {error}", file=sys.stderr)
        return 1
    games = sorted({song.game for song in music}, key=hash_unit)
    halves = [[song for song in music if song.game in side] for side in (games[::2], games[1::2])]
    print(f"{len(music)} songs of {len(games)} games")
    for unseen, seen in (halves, halves[::-1]):
        for name, fitted_on in (("the other half's games", seen), ("themselves", unseen)):
            found = first_finds_last(unseen, fit(fitted_on))
            print(f"recall@1 of {found.count} songs, constants of {name}: {found.value:.3f}", end=" ")
            print(f"[{found.low:.3f}, {found.high:.3f}]")
    write(fit(music))
    print(f"written: {CONSTANTS} ({CONSTANTS.stat().st_size >> 10} KiB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
