"""Bridges for words measured: `python -m bench.words [--library FOLDER] [--write FILE] [--halvings N]`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

import bench.alone  # noqa: F401
from bench.figure import Figure, show
from bench.words.heard import Heard
from bench.words.trials import collect

LIFT = 2.0
"""Times chance that a bridge has to reach."""
STUB = 1.35
"""Times chance that a stub may reach; with 18 prompts, luck reaches a little."""
BARRED = ("bridge, cosine", "bridge, corrected", "itself")


def figures(heard: Heard, halvings: int) -> Iterator[Figure]:
    """P@10 of every way, each as the mean of all halvings."""
    found = collect(heard, range(halvings))
    chance = sum(found["chance"]) / halvings
    for name, values in found.items():
        named = f"P@10, {name} ({min(values):.2f} to {max(values):.2f} over {halvings} halvings)"
        mean, stub = sum(values) / halvings, name.endswith("stub")
        bar = STUB * chance if stub else LIFT * chance if name.endswith(BARRED) else None
        yield Figure(name=named, value=mean, bar=bar, at_most=stub)


def main() -> int:
    """Print the figures; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.words", description=__doc__)
    parser.add_argument("--library", type=Path, help="made by `python -m bench.library`; by default, what ships of it")
    parser.add_argument("--write", type=Path, help="where to keep what was heard in it")
    parser.add_argument("--halvings", type=int, default=10, help="how often a pair is trained on half of the tracks")
    given = parser.parse_args()
    torch.set_num_threads(1)
    heard = Heard.of(given.library) if given.library else Heard.load()
    if given.write:
        heard.save(given.write)
    return show(figures(heard, given.halvings))


if __name__ == "__main__":
    sys.exit(main())
