"""Random weights that keep a network alive: what goes in still shows in what comes out."""

from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

_MAGNITUDES = ("weight_g", "parametrizations.weight.original0")
"""Where a weight is kept as its direction and, under these names, its magnitude."""


def randomise(module: nn.Module, *, seed: int) -> None:
    """Replace every parameter and running statistic by values that follow from the seed and its name."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        # numpy promises that RandomState's numbers stay what they are in all its versions.
        source = np.random.RandomState(crc32(name.encode()) ^ seed)
        noise = torch.from_numpy(source.standard_normal(tuple(tensor.shape)).astype(np.float32))
        if (value := _value(name, tensor, noise)) is not None:
            tensor.detach().copy_(value)


def _value(name: str, tensor: Tensor, noise: Tensor) -> Tensor | None:
    if name.endswith("running_var"):
        return 1 + 0.1 * noise.abs()
    if name.endswith(("bias", "running_mean")):
        return 0.1 * noise
    if not isinstance(tensor, nn.Parameter):
        return None
    if tensor.ndim < 2 or name.endswith(_MAGNITUDES):
        return 1 + 0.1 * noise
    # As much variance comes out of a layer as went in.
    return noise.div(max(1, tensor[0].numel()) ** 0.5)
