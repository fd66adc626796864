"""Where the evidence lies, when it is known where the thing is."""

import torch
from torch import Tensor

from mirror_app.precision import widened


def peak_inside(maps: Tensor, masks: Tensor) -> Tensor:
    """Tell for each map (N, H, W) whether its largest number lies in the mask (N, H, W): 0 or 1, (N,).

    Zhang et al. 2018, “Top-down Neural Attention by Excitation Backprop”: the pointing game, without a margin.
    """
    return masks.flatten(1).gather(1, maps.flatten(1).argmax(1, keepdim=True))[:, 0].to(maps)


def mass_inside(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of the positive evidence in `maps` (N, H, W) that lies in the mask: [0, 1], 0 where none is."""
    positive = widened(maps).clamp(min=0)
    total = positive.sum((1, 2))
    return (positive * masks).sum((1, 2)) / torch.where(total == 0, 1, total)
