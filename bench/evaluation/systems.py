"""Vectors of every piece, by our own model on its production path and by the baselines."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.evaluation import baselines
from bench.evaluation.audio import Ear, by_file, excerpt, two_stretches
from bench.evaluation.protocol import Piece
from embeddings.audio.windows import audible
from embeddings.domain import EmbedderSpec, Samples, Vector
from embeddings.embedders import get_spec, load_cutter, load_embedder
from embeddings.embedders.base import Embedder, Features
from embeddings.errors import AudioSilent, TrackError

Vectors = dict[str, NDArray[Any]]
"""By piece id."""
Files = list[tuple[Path, list[Piece]]]
BASELINES = ("mfcc", "spectral")
FILES_PER_TURN = 16
"""What one child process reads with one decoder before it asks for more."""


def baseline_vectors(pieces: Sequence[Piece], cache: Path) -> dict[str, Vectors]:
    """Both baselines, by name; files that the cache knows are not read again."""
    cache.mkdir(parents=True, exist_ok=True)
    described = _in_turns(partial(_describe_files, cache=cache), pieces)
    return {
        name: {key.split(" ", 1)[1]: row for key, row in described.items() if key.startswith(name)}
        for name in BASELINES
    }


def model_vectors(pieces: Sequence[Piece], key: str) -> Vectors:
    """Our own model, always computed afresh, as in production: all audible windows of a piece."""
    return _in_turns(partial(_embed_files, key=key), pieces)


def embed(samples: Samples, spec: EmbedderSpec, embedder: Embedder) -> Vector:
    """One vector of [n] or [n, 2] samples, through the windows that the pipeline would cut.

    Raises:
        TrackError: nothing in it can be heard.

    """
    windows = [window for window in load_cutter(spec)([samples], spec) if audible(window) or not spec.skips_silence]
    if not windows:
        raise AudioSilent("Nothing in it can be heard.")
    batch = embedder.batch_windows
    features: list[Features] = []
    for at in range(0, len(windows), batch):
        features += embedder.embed_windows(windows[at : at + batch])
    return embedder.pool([window.span for window in windows], features).vector


def _in_turns(work: Callable[[Files], Vectors], pieces: Sequence[Piece]) -> Vectors:
    files = list(by_file(pieces).items())
    turns = [files[at : at + FILES_PER_TURN] for at in range(0, len(files), FILES_PER_TURN)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return {key: vector for found in pool.map(work, turns) for key, vector in found.items()}


def _embed_files(files: Files, *, key: str) -> Vectors:
    spec = get_spec(key)
    embedder = load_embedder(spec)
    found = {}
    with Ear() as ear:
        for path, pieces in files:
            samples = ear.hear(path, spec.sample_rate)
            for piece in pieces:
                found[piece.id] = _embed_or_zero(excerpt(samples, piece, spec.sample_rate), spec, embedder)
    return found


def _embed_or_zero(samples: Samples, spec: EmbedderSpec, embedder: Embedder) -> Vector:
    """What the product refuses (silence) has no vector here either, and counts as wrong wherever it is asked for."""
    try:
        return embed(samples, spec, embedder)
    except TrackError:
        return np.zeros(spec.dimension, np.float32)


def _describe_files(files: Files, *, cache: Path) -> Vectors:
    """Keys are `baseline piece-id`."""
    found: Vectors = {}
    with Ear() as ear:
        for path, pieces in files:
            content = f"{path}:{path.stat().st_size}:{sorted(piece.id for piece in pieces)}"
            kept = cache / f"{hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()}.npz"
            if not kept.exists():
                np.savez(kept, allow_pickle=False, **dict(_described(ear.hear(path, baselines.RATE), pieces)))
            with np.load(kept) as stored:
                found |= dict(stored)
    return found


def _described(samples: Samples, pieces: Sequence[Piece]) -> Iterator[tuple[str, NDArray[Any]]]:
    for piece in pieces:
        whole = piece.kind not in ("A", "B")
        heard = two_stretches(samples, baselines.RATE) if whole else excerpt(samples, piece, baselines.RATE)
        for name, vector in baselines.describe(heard).items():
            yield f"{name} {piece.id}", vector
