"""Music2Latent as the predecessor called it: the whole track at once, which the package cuts into ten-second chunks."""

import json
from pathlib import Path
from typing import Any

import music2latent.inference as package
import numpy as np
import torch
from music2latent.models import UNet

from tests.checkpoints.latent import hyperparameters
from tests.reference import Array, Model, Told
from tests.reference.folding import enrich

CHUNK = 441_000
"""Samples that the predecessor let the package encode at a time."""


def load(folder: Path) -> Model:
    """Load the reference."""
    codec = load_codec(folder)
    return lambda samples: _embed(codec, samples)


def load_codec(folder: Path) -> Any:
    """Load the package's encoder and decoder without its constructor, which downloads the published weights."""
    hparams = folder / "hparams.json"
    with hyperparameters(json.loads(hparams.read_text()) if hparams.exists() else {}):
        model = UNet()
    model.load_state_dict(torch.load(folder / "music2latent.pt", weights_only=True)["gen_state_dict"])
    codec = package.EncoderDecoder.__new__(package.EncoderDecoder)
    codec.device, codec.gen = torch.device("cpu"), model.eval()
    return codec


@torch.inference_mode()
def _embed(codec: Any, track: Array) -> Told:
    # Channels are encoded apart from each other: of two equal ones, as mono is decoded to, one is enough.
    mono = bool((track[:, 0] == track[:, 1]).all())
    channels = np.ascontiguousarray(track[:, :1].T if mono else track.T)
    x = codec.encode(channels, max_waveform_length=CHUNK).expand(2, -1, -1)
    rows = x.permute(1, 0, 2).reshape(128, -1)
    magnitude = torch.sqrt(x[0] ** 2 + x[1] ** 2 + 1e-12)
    return Told(vector=enrich(torch.cat([rows, magnitude])).numpy())
