"""The product's own path: decoders, the cutter, the pipeline and the embedder, without database and vector store."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from bench.neural.gauges import synchronise
from bench.neural.music import open_decoder
from embeddings.domain import EmbedderSpec, Samples, TrackRef, Window
from embeddings.embedders import load_cutter
from embeddings.embedders.base import Embedder
from embeddings.jobs.batching import QueuedWindow
from embeddings.jobs.inference import Ended
from embeddings.jobs.listening import Listener
from embeddings.jobs.pipeline import Pipeline, Unembeddable

CORES = len(os.sched_getaffinity(0))
DECODERS = min(8, CORES)
"""As many as a worker has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """What the model would be given, and how long it took to get it."""

    seconds: float
    windows_each: int
    window: Window
    """One of them."""


def decode_alone(spec: EmbedderSpec, refs: Sequence[TrackRef]) -> Decoded:
    """Decode and cut all tracks with every decoder, and throw the windows away."""
    kept: list[Window] = []

    def keep(queued: QueuedWindow) -> None:
        if not kept:
            kept.append(queued.window)

    def listen(share: Sequence[TrackRef]) -> list[Ended]:
        with open_decoder() as decoder:
            return [Listener(spec, keep).listen(decoder, ref) for ref in share]

    began = time.perf_counter()
    with ThreadPoolExecutor(DECODERS) as pool:
        ended = [one for share in pool.map(listen, _shares(refs)) for one in share]
    seconds = time.perf_counter() - began
    for one in ended:
        if one.error is not None:
            raise one.error
    (windows,) = {one.windows for one in ended}
    return Decoded(seconds=seconds, windows_each=windows, window=kept[0])


def _shares(refs: Sequence[TrackRef]) -> list[Sequence[TrackRef]]:
    return [refs[first::DECODERS] for first in range(DECODERS) if refs[first::DECODERS]]


def embed_all(spec: EmbedderSpec, embedder: Embedder, refs: Sequence[TrackRef], device: torch.device) -> float:
    """Embed all tracks as a worker does; seconds from the first to the last.

    Raises:
        TrackError: a track could not be embedded.

    """
    pipeline = Pipeline(spec, embedder, [open_decoder() for _ in range(DECODERS)])
    synchronise(device)
    began = time.perf_counter()
    outcomes = [outcome for found in pipeline.run(iter([refs])) for outcome in found]
    synchronise(device)
    seconds = time.perf_counter() - began
    for outcome in outcomes:
        if isinstance(outcome, Unembeddable):
            raise outcome.error
    return seconds


def count_windows(spec: EmbedderSpec, seconds: float) -> int:
    """How many windows a track of this length has."""
    silence = np.zeros((round(seconds * spec.sample_rate), spec.channels), np.float32)
    return sum(1 for _ in load_cutter(spec)([silence if spec.channels == 2 else silence[:, 0]], spec))


def hear(spec: EmbedderSpec, ref: TrackRef) -> Samples:
    """[n] or [n, 2] of a whole track at the model's rate."""
    with (
        open_decoder() as decoder,
        decoder.decode(ref.root, ref.path, rate=spec.sample_rate, channels=spec.channels) as decoding,
    ):
        return np.concatenate(list(decoding))
