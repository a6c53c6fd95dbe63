"""Vectors of the protocol's pieces by the neural models, from whatever checkpoints there are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.evaluation.audio import by_file, excerpt
from bench.evaluation.protocol import Piece
from bench.evaluation.systems import Vectors, embed
from embeddings.audio.decoders import Decoder
from embeddings.embedders import get_spec, load_embedder
from embeddings.embedders.base import Runtime
from embeddings.embedders.checkpoints import locate
from embeddings.errors import TrackError


def neural_vectors(pieces: Sequence[Piece], key: str, checkpoints: Path, work: Path) -> Vectors:
    """Embed every piece on the CPU with the checkpoint in `checkpoints/key`; what is silent has zeros.

    Raises:
        CheckpointRefused: there is none, or it does not fit.

    """
    import torch  # noqa: PLC0415 - half a second and 200 MB that only this needs

    torch.set_num_threads(1)
    spec = get_spec(key)
    there = locate(spec, checkpoints / key, digests=work / "digests.json")
    embedder = load_embedder(spec, Runtime(checkpoint=there))
    found: Vectors = {}
    decoder = Decoder(max_seconds=3600.0, stall_seconds=120.0, memory_mb=2048)
    try:
        for path, group in by_file(pieces).items():
            root = path.resolve()
            with decoder.decode(str(root.parent), root.name, rate=spec.sample_rate, channels=spec.channels) as blocks:
                samples = np.concatenate(list(blocks))
            for piece in group:
                try:
                    found[piece.id] = embed(excerpt(samples, piece, spec.sample_rate), spec, embedder)
                except TrackError:
                    found[piece.id] = np.zeros(spec.dimension, np.float32)
    finally:
        decoder.close()
        embedder.close()
    return found
