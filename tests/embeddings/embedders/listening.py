"""Hears the sample's tracks once, and turns samples into vectors the way the pipeline does."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.decoders import Decoder
from embeddings.audio.windows import cut_sliding
from embeddings.domain import Samples, Span, Vector, Window
from embeddings.embedders.acoustic import AcousticEmbedder

SAMPLE = Path(__file__).parents[3] / "sample"


def sample_tracks() -> list[Path]:
    """The music files that ship with the project, in a fixed order."""
    return sorted(path for path in SAMPLE.rglob("*") if path.suffix in {".mp3", ".ogg", ".opus", ".m4a", ".flac"})


def hear_all(rate: int) -> dict[str, Samples]:
    """Every sample track as mono samples, by its name."""
    decoder = Decoder(max_seconds=120.0, stall_seconds=60.0, memory_mb=1024)
    heard = {}
    try:
        for path in sample_tracks():
            with decoder.decode(str(path.parent), path.name, rate=rate, channels=1) as decoding:
                heard[path.stem] = np.concatenate(list(decoding))
    finally:
        decoder.close()
    return heard


def embed(embedder: AcousticEmbedder, samples: Samples) -> Vector:
    """One track's vector."""
    windows = list(cut_sliding([samples], embedder.spec))
    return embedder.pool([window.span for window in windows], embedder.embed_windows(windows)).vector


def features_of(embedder: AcousticEmbedder, *windows: Samples) -> NDArray[np.float32]:
    """[windows, raw dimension]"""
    rate = embedder.spec.sample_rate
    spans = [Span(start=0, length=len(samples)) for samples in windows]
    rows = zip(spans, windows, strict=True)
    whole = [Window(index=at, rate=rate, span=span, samples=samples) for at, (span, samples) in enumerate(rows)]
    return np.stack(embedder.embed_windows(whole))


def embed_each(embedder: AcousticEmbedder, tracks: list[Samples]) -> NDArray[np.float32]:
    """[tracks, dimension]"""
    return np.stack([embed(embedder, samples) for samples in tracks])
