"""Writes a Music2Latent checkpoint: encoder and decoder in one file, as published."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from tests.checkpoints.weights import randomise

_SMALL: dict[str, Any] = {
    "base_channels": 4,
    "bottleneck_base_channels": 32,
    "cond_channels": 32,
    # Blocks at full resolution and attention over many frequencies cost the most and show nothing more.
    "layers_list_encoder": [0, 1, 1, 1, 1],
    "attention_list_encoder": [0, 0, 0, 0, 1],
}


def write_latent(folder: Path, *, full: bool) -> None:
    """Write a checkpoint in the layout of the spec `latent`; 64 channels in both sizes.

    The small one brings `hparams.json`: what of the package's hyperparameters it was built with.
    """
    hparams: dict[str, Any] = {} if full else _SMALL
    with hyperparameters(hparams):
        from music2latent.models import UNet

        model = UNet().eval()
    randomise(model, seed=3)
    torch.save({"gen_state_dict": model.state_dict()}, folder / "music2latent.pt")
    if hparams:
        (folder / "hparams.json").write_text(json.dumps(hparams, indent=2))


@contextmanager
def hyperparameters(changed: Mapping[str, Any]) -> Iterator[None]:
    """The package keeps them as names of its modules; build a model inside, and they are as before afterwards."""
    import music2latent.models as package

    before = {name: getattr(package, name) for name in changed}
    vars(package).update(changed)
    try:
        yield
    finally:
        vars(package).update(before)
