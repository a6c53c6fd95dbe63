"""MuQ-MuLan as its own package loads and calls it, to compare with."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from embeddings.embedders import get_spec
from embeddings.embedders.base import Checkpoint, Runtime
from embeddings.embedders.muq_checkpoint import MUQ, XLM_ROBERTA
from tests.checkpoints.muq import joint_model


def runtime_of(folder: Path) -> Runtime:
    """A checkpoint folder on the CPU, in float32."""
    folders = {files.folder: folder / files.folder for files in get_spec("muq").checkpoint}
    return Runtime(checkpoint=Checkpoint(folders=folders, digest=""))


def package_model(folder: Path, scratch: Path) -> Any:
    """`muq.MuQMuLan` with all weights of a checkpoint folder; its towers' folders lie in `scratch`."""
    joint, audio, text = (json.loads((folder / part / "config.json").read_text()) for part in ("", MUQ, XLM_ROBERTA))
    model = joint_model(joint, audio, text, scratch=scratch)
    # The package reads the tokenizer when it reads the first text.
    shutil.copy(folder / XLM_ROBERTA / "tokenizer.json", scratch / "xlm-roberta")
    model.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True))
    return model.eval().requires_grad_(False)
