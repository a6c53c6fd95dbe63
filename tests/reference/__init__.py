"""What the predecessor computed, literally: its windows, its calls into the packages one by one, its arithmetic.

The product is measured against this. It shares no code with `embeddings.embedders` and `embeddings.audio`,
and departs from the predecessor only where its results were wrong: audio is brought to the model's rate
before Music2Latent, mono is heard as two equal channels, and nothing is padded with silence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What a model says of a track."""

    vector: Array
    """Mean, spread and drift of its windows, side by side, of unit length."""
    joint: Array | None = None
    """MuQ-MuLan: the direction of the mean of the clips that its windows consist of."""


Model = Callable[[Array], Told]
"""Takes samples as decoded: [n] or [n, 2] float32 at the model's rate."""


def load(key: str, folder: Path) -> Model:
    """Load the reference of a spec from its checkpoint folder."""
    from tests.reference import latent, mert, muq

    loaders: dict[str, Callable[[Path], Model]] = {"muq": muq.load, "mert": mert.load, "latent": latent.load}
    return loaders[key](folder)
