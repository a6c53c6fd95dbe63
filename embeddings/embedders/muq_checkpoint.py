"""Fills either tower of MuQ-MuLan from the joint model's weights, without the other and without its own repository."""

import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from embeddings.domain import EmbedderSpec
from embeddings.embedders.base import Checkpoint
from embeddings.embedders.muq_towers import AudioTower, Config, TextTower
from embeddings.embedders.neural.trial import blaming
from embeddings.embedders.neural.weights import find_weights, load_strictly, read_config, read_weights
from embeddings.errors import CheckpointRefused

Tower = TypeVar("Tower", bound=nn.Module)

MUQ = "MuQ-large-msd-iter"
XLM_ROBERTA = "xlm-roberta-base"
WEIGHTS = ("pytorch_model.bin",)

OF_AUDIO = ("mulan.audio.", "mulan.audio_to_latents.")
OF_TEXT = ("mulan.text.", "mulan.text_to_latents.")
OF_TRAINING = (
    "mulan.contrast.",
    "mulan.multi_layer_contrastive_learning.",
    "mulan.audio_layers_indices",
    "mulan.text_layers_indices",
    # 0, 1, 2 and so on: older transformers saved it along with the weights.
    "mulan.text.model.embeddings.position_ids",
)


def folders_of(spec: EmbedderSpec, checkpoint: Checkpoint | None) -> Mapping[str, Path]:
    """Where the parts of the checkpoint lie, by `HubFiles.folder`.

    Raises:
        CheckpointRefused: there is none.

    """
    if checkpoint is None:
        raise CheckpointRefused(f"{spec.key} needs its weights; set {spec.key.upper()}_CHECKPOINT to their folder.")
    return checkpoint.folders


def load_audio_tower(spec: EmbedderSpec, folders: Mapping[str, Path]) -> AudioTower:
    """Build MuQ and fill it, and nothing of the text tower.

    Raises:
        CheckpointRefused: a file is missing, damaged, or another model's.

    """
    joint, muq = _read_joint(spec, folders[""]), read_config(folders[MUQ])
    if muq.get("use_encodec_target") or muq.get("is_flash"):
        raise CheckpointRefused(f"{folders[MUQ]}/config.json asks for parts that {MUQ} does not have.")
    tower = _built(lambda: AudioTower(joint, muq), folders[MUQ])
    return _filled(tower, folders[""], others=(*OF_TEXT, *OF_TRAINING))


def load_text_tower(spec: EmbedderSpec, folders: Mapping[str, Path]) -> TextTower:
    """Build XLM-R with the layers on top of it and fill them, and nothing of the audio tower.

    Raises:
        CheckpointRefused: a file is missing, damaged, or another model's.

    """
    joint, xlm_roberta = _read_joint(spec, folders[""]), read_config(folders[XLM_ROBERTA])
    tower = _built(lambda: TextTower(joint, xlm_roberta), folders[XLM_ROBERTA])
    return _filled(tower, folders[""], others=(*OF_AUDIO, *OF_TRAINING))


def _read_joint(spec: EmbedderSpec, folder: Path) -> Config:
    """What clips are cut to and what the store holds has to be what the checkpoint was trained with."""
    joint = read_config(folder)
    mulan = joint.get("mulan")
    mulan = mulan if isinstance(mulan, dict) else {}
    found = mulan.get("sr"), mulan.get("clip_secs"), mulan.get("dim_latent")
    if found != (spec.sample_rate, spec.clip_seconds, spec.joint_dimension):
        raise CheckpointRefused(
            f"{folder}/config.json is not MuQ-MuLan's: its rate, clip and dimension are {found}, and not "
            f"{(spec.sample_rate, round(spec.clip_seconds), spec.joint_dimension)}."
        )
    return joint


def _built(build: Callable[[], Tower], folder: Path) -> Tower:
    with (
        blaming(folder / "config.json", "describes, with the one beside the weights, no tower of MuQ-MuLan"),
        _undisturbed(),
        _Unfilled(),
    ):
        return build()


def _filled(tower: Tower, folder: Path, *, others: tuple[str, ...]) -> Tower:
    # By the name that it has in the package's model, keys are compared as they stand in the file.
    named = nn.ModuleDict({"mulan": tower})
    load_strictly(
        named,
        read_weights(folder, WEIGHTS),
        source=find_weights(folder, WEIGHTS),
        ignore_unexpected_prefixes=others,
    )
    return tower


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave the random generators, which MuQ's constructor seeds, as they were, and its old weight norm unremarked."""
    state = random.getstate()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            yield
        finally:
            random.setstate(state)


class _Unfilled(TorchFunctionMode):
    """Leaves out the random numbers that weights begin with: seconds spent on what the checkpoint replaces."""

    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(function, "__module__", None) == "torch.nn.init" or function is Tensor.normal_:
            return args[0] if args else (kwargs or {})["tensor"]
        return function(*args, **(kwargs or {}))
