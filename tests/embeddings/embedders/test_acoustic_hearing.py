"""What the vectors are for, on the 23 tracks of the sample: a track is nearest to itself, however it was altered."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.fitting.alter import coded, tilted
from embeddings.domain import Samples
from embeddings.embedders.acoustic import AcousticEmbedder
from tests.embeddings.embedders.listening import embed_each

RATE = 24_000
ALTERATIONS: dict[str, Callable[[Samples], Samples]] = {
    "12 dB quieter": lambda samples: samples * np.float32(0.25),
    "mp3": lambda samples: coded(samples, codec="libmp3lame", container="mp3", bit_rate=48_000),
    "opus": lambda samples: coded(samples, codec="libopus", container="ogg", bit_rate=32_000),
    "more bass, less treble": lambda samples: tilted(samples, bass_db=6, treble_db=-6),
    "starts later": lambda samples: samples[2 * RATE :],
    "silence around": lambda samples: np.pad(samples, (4 * RATE, 3 * RATE)),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_copy_finds_its_original_first(
    acoustic: AcousticEmbedder, heard: dict[str, Samples], originals: NDArray[np.float32], alteration: str
) -> None:
    copies = embed_each(acoustic, [ALTERATIONS[alteration](samples) for samples in heard.values()])
    assert (copies @ originals.T).argmax(axis=1).tolist() == list(range(len(heard)))


def test_halves_of_a_track_find_each_other(acoustic: AcousticEmbedder, heard: dict[str, Samples]) -> None:
    first = embed_each(acoustic, [samples[: len(samples) // 2] for samples in heard.values()])
    second = embed_each(acoustic, [samples[len(samples) // 2 :] for samples in heard.values()])
    similarity = first @ second.T
    own = np.diag(similarity)
    others = similarity[~np.eye(len(similarity), dtype=bool)]
    assert own.mean() > others.mean() + 0.5
    assert (similarity.argmax(axis=1) == np.arange(len(similarity))).mean() >= 0.85
