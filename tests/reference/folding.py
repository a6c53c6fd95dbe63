"""The predecessor's windows and the arithmetic that folds them into one vector."""

import torch
from torch import Tensor


def window_starts(length: int, window: int, hop: int) -> list[int]:
    """First samples of its windows: every hop, and one more window that ends with the track."""
    starts = list(range(0, max(length - window, 0) + 1, hop))
    if starts[-1] + window < length:
        starts.append(length - window)
    return starts


def enrich(x: Tensor) -> Tensor:
    """[D, T] -> [3D]: mean, robust spread and mean first difference over time, with one norm over all."""
    mean = x.mean(dim=-1)
    quarter, three_quarters = torch.quantile(x, torch.tensor([0.25, 0.75]), dim=-1)
    spread = (three_quarters - quarter) / 1.3489795003921634
    drift = (x[:, 1:] - x[:, :-1]).mean(dim=-1) if x.shape[-1] >= 2 else torch.zeros_like(mean)
    return torch.nn.functional.normalize(torch.cat([mean, spread, drift]), dim=0)
