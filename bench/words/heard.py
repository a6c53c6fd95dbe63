"""What models hear in the tracks of the evaluation's library, with the style of each: computed, or as it ships."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.protocol import EXCERPT_SECONDS, Track, excerpt_starts, read_manifest
from embeddings.audio.decoders import Decoder
from embeddings.audio.windows import audible
from embeddings.domain import EmbedderSpec, Samples, Vector
from embeddings.embedders import get_spec, load_cutter, load_embedder
from embeddings.embedders.base import Checkpoint, Embedder, Runtime
from embeddings.errors import AudioSilent, TrackError

SHIPPED = Path(__file__).parent / "heard.npz"
FIELDS = ("whole", "acoustic", "latent")
WHOLE = "whole"
"""`acoustic` of the whole track: what the joint space hears."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """Vectors of one library, [tracks, dimension] each."""

    keys: Sequence[str]
    """`package:path in the package`; nothing else of a track is kept, and its audio cannot be had back from it."""
    styles: Sequence[str]
    vectors: Mapping[str, NDArray[np.float32]]
    """By field: `whole`; `acoustic` and `latent`, the one of this project and one of random weights, of an excerpt."""

    @classmethod
    def load(cls, file: Path = SHIPPED) -> Self:
        """Read what `save` wrote."""
        with np.load(file) as kept:
            vectors = {field: kept[field].astype(np.float32) for field in FIELDS}
            return cls(keys=kept["keys"].tolist(), styles=kept["styles"].tolist(), vectors=vectors)

    def save(self, file: Path) -> None:
        """Write it in half precision, which no ranking notices."""
        halves: dict[str, Any] = {field: rows.astype(np.float16) for field, rows in self.vectors.items()}
        np.savez_compressed(file, keys=np.array(self.keys), styles=np.array(self.styles), **halves)

    @classmethod
    def of(cls, library: Path) -> Self:
        """Hear a library that `bench.library` made, all cores; takes minutes. What cannot be heard is left out."""
        # The small checkpoint of the tests, for this alone; torch with it.
        from tests.checkpoints import write_checkpoints  # noqa: PLC0415

        tracks = read_manifest(library)
        cores = os.cpu_count() or 1
        with TemporaryDirectory() as folder, ProcessPoolExecutor(cores) as pool:
            checkpoint = write_checkpoints(Path(folder))["latent"]
            parts = pool.map(partial(_hear, checkpoint=checkpoint), [tracks[core::cores] for core in range(cores)])
            heard = {key: rows for part in parts for key, rows in part.items()}
        kept = [track for track in tracks if track.key in heard]
        return cls(
            keys=[track.key for track in kept],
            styles=[track.fields["style"] for track in kept],
            vectors={field: np.stack([heard[track.key][field] for track in kept]) for field in FIELDS},
        )


def _hear(tracks: Sequence[Track], *, checkpoint: Path) -> dict[str, dict[str, Vector]]:
    acoustic, latent = load_embedder(get_spec("acoustic")), load_embedder(get_spec("latent"), _runtime(checkpoint))
    decoder = Decoder(max_seconds=3600.0, stall_seconds=120.0, memory_mb=2048)
    found = {}
    for track in tracks:
        try:
            mono, stereo = (_samples(decoder, track.path, one.spec) for one in (acoustic, latent))
            found[track.key] = {
                "whole": _vector(mono, acoustic),
                "acoustic": _vector(_excerpt(mono, acoustic.spec), acoustic),
                "latent": _vector(_excerpt(stereo, latent.spec), latent),
            }
        except TrackError:
            continue
    decoder.close()
    return found


def _runtime(checkpoint: Path) -> Runtime:
    return Runtime(checkpoint=Checkpoint(folders={"": checkpoint}, digest=""))


def _samples(decoder: Decoder, path: Path, spec: EmbedderSpec) -> Samples:
    path = path.resolve()
    with decoder.decode(str(path.parent), path.name, rate=spec.sample_rate, channels=spec.channels) as decoding:
        return np.concatenate(list(decoding))


def _excerpt(samples: Samples, spec: EmbedderSpec) -> Samples:
    """The evaluation's first excerpt; the beginning of what is too short for two."""
    starts = excerpt_starts(len(samples) / spec.sample_rate)
    first = round((starts[0] if starts else 0.0) * spec.sample_rate)
    return samples[first : first + round(EXCERPT_SECONDS * spec.sample_rate)]


def _vector(samples: Samples, embedder: Embedder) -> Vector:
    spec = embedder.spec
    windows = [window for window in load_cutter(spec)([samples], spec) if audible(window) or not spec.skips_silence]
    if not windows:
        raise AudioSilent("Nothing in it can be heard.")
    features = [feature for window in windows for feature in embedder.embed_windows([window])]
    return embedder.pool([window.span for window in windows], features).vector
