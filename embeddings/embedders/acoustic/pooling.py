"""Folds a track's windows into statistics, and the statistics into a vector by fixed constants."""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from embeddings.embedders.acoustic.spectra import Array

FRAMES, LEVEL, FIRST = 0, 1, 2
"""Columns of a raw row: weight, level, and where the features begin."""
QUIET_BEL, INAUDIBLE_BEL = 3.0, 6.0
"""A window 30 dB under the track's level begins to count less; one 60 dB under it does not count."""
CLIP = 4.0
"""Standard deviations at which an outlier stops: one odd number must not decide a vector's direction."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constants:
    """What was fitted once, on music of other games than the evaluation's, and is fixed with the spec version."""

    centre: Array
    """[statistics]"""
    scale: Array
    """[statistics] standard deviations."""
    projection: Array
    """[statistics, dimension]"""
    varying: NDArray[np.int64]
    """Columns of a raw row whose spread over the windows says something too."""


def load_constants() -> Constants:
    """Read the file that ships beside this module."""
    with (
        files(__package__).joinpath("constants.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        return Constants(
            centre=stored["centre"],
            scale=stored["scale"],
            projection=stored["projection"].astype(np.float32),
            varying=stored["varying"],
        )


def window_weights(features: Array) -> NDArray[np.float64]:
    """[windows] summing to one, or all zero for silence: longer and louder windows count for more.

    Relative to the track's own level, so the same at any gain.
    """
    frames, level = features[:, FRAMES].astype(np.float64), features[:, LEVEL].astype(np.float64)
    if not frames.any():
        return frames
    track_level = np.log10((frames * 10**level).sum() / frames.sum())
    weights: NDArray[np.float64] = frames * np.clip((level - track_level + INAUDIBLE_BEL) / QUIET_BEL, 0, 1)
    weights /= weights.sum()
    return weights


def statistics(features: Array, varying: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means of all features, spreads of the `varying` ones and of the level: one row per track."""
    weights, values = window_weights(features), features.astype(np.float64)
    mean = weights @ values
    columns = [LEVEL, *varying]
    spread = np.sqrt(weights @ np.square(values[:, columns] - mean[columns]))
    return np.concatenate([mean[FIRST:], spread])


def to_vector(found: NDArray[np.float64], constants: Constants) -> Array:
    """Standardise, project, and scale to unit length; zero and non-finite input is passed on for the caller."""
    standard = np.clip((found - constants.centre) / constants.scale, -CLIP, CLIP).astype(np.float32)
    vector = standard @ constants.projection
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector
