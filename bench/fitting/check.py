"""Checks fitted constants on songs of other games, and writes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.evaluation.scores import Share, share
from bench.fitting.music import Song
from bench.fitting.solve import EXCERPT_WINDOWS, Fitted
from embeddings.embedders.acoustic.pooling import statistics

CONSTANTS = Path("embeddings/embedders/acoustic/constants.npz")


def first_finds_last(music: Sequence[Song], constants: Fitted) -> Share:
    """Share of songs whose first thirty seconds find their last thirty among those of all songs."""
    long = [song.whole for song in music if len(song.whole) >= 3 * EXCERPT_WINDOWS]
    starts = np.stack([statistics(rows[1 : 1 + EXCERPT_WINDOWS], constants.varying) for rows in long])
    ends = np.stack([statistics(rows[-1 - EXCERPT_WINDOWS : -1], constants.varying) for rows in long])
    similarity = constants.vectors(starts) @ constants.vectors(ends).T
    return share(similarity.argmax(axis=1) == np.arange(len(long)))


def write(constants: Fitted) -> None:
    """The projection in half precision: its rounding changes cosines by less than one part in a thousand."""
    np.savez_compressed(
        CONSTANTS,
        centre=constants.centre.astype(np.float32),
        scale=constants.scale.astype(np.float32),
        projection=constants.projection.astype(np.float16),
        varying=constants.varying,
    )
