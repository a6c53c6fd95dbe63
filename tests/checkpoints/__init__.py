"""Writes small checkpoints of the neural models with random weights, in the layout of a local checkpoint folder.

    python -m tests.checkpoints FOLDER [--full]

FOLDER/muq, FOLDER/mert and FOLDER/latent then serve as MUQ_CHECKPOINT, MERT_CHECKPOINT and LATENT_CHECKPOINT.
The architectures are the packages' own and the weights mean nothing; `--full` gives them their real sizes.
"""

from pathlib import Path

import torch

from tests.checkpoints.latent import write_latent
from tests.checkpoints.mert import write_mert
from tests.checkpoints.muq import write_muq

WRITERS = {"muq": write_muq, "mert": write_mert, "latent": write_latent}


def write_checkpoints(folder: Path, *, full: bool = False) -> dict[str, Path]:
    """Write one checkpoint per neural model; their folders by key of the model's spec."""
    for key, write in WRITERS.items():
        (folder / key).mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            write(folder / key, full=full)
    return {key: folder / key for key in WRITERS}
