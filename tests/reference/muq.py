"""MuQ-MuLan as the predecessor called it: windows of 120 s every 15 s, each through the package's own forward."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.checkpoints.muq import joint_model
from tests.reference import Model, Told
from tests.reference.folding import enrich, window_starts

RATE, WINDOW, HOP, CLIP = 24_000, 120, 15, 10


def load(folder: Path) -> Model:
    """Load the reference."""
    model = load_model(folder)
    return lambda samples: _embed(model, torch.from_numpy(samples))


def load_model(folder: Path) -> Any:
    """Load it in the package's way: towers from folders of their own, and the joint weights over them."""
    configs = [
        json.loads((folder / part / "config.json").read_text())
        for part in ("", "MuQ-large-msd-iter", "xlm-roberta-base")
    ]
    with TemporaryDirectory() as scratch, torch.random.fork_rng():
        model = joint_model(*configs, scratch=Path(scratch))
    model.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True))
    return model.eval()


@torch.inference_mode()
def _embed(model: Any, track: torch.Tensor) -> Told:
    starts = window_starts(len(track), WINDOW * RATE, HOP * RATE)
    windows = [track[start : start + WINDOW * RATE] for start in starts]
    latents = torch.cat([model(wavs=window[None]) for window in windows])
    clips = _clips(model, windows, starts)
    joint = torch.nn.functional.normalize(clips.mean(dim=0), dim=0)
    return Told(vector=enrich(latents.T).numpy(), joint=joint.numpy())


def _clips(model: Any, windows: list[torch.Tensor], starts: list[int]) -> torch.Tensor:
    """The latents of all clips that occur in a window, each once however many windows share it."""
    latents: dict[int, torch.Tensor] = {}
    for start, window in zip(starts, windows, strict=True):
        for number, clip in enumerate(model._get_all_clips(window)):
            at = start + number * CLIP * RATE
            if at not in latents:
                latents[at] = model.mulan_module.get_audio_latents(clip[None])[0]
    return torch.stack(list(latents.values()))
