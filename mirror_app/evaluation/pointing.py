"""Measures how much of the evidence lies on an object whose mask is known."""

import torch
from torch import Tensor

from mirror_app.precision import widened


def peak_inside(maps: Tensor, masks: Tensor) -> Tensor:
    """Tell whether the largest value of each map lies inside its mask.

    This is the pointing game, without the paper's margin of 15 pixels.

    Args:
        maps: The evidence, (N, H, W).
        masks: 1 on the object and 0 elsewhere, (N, H, W).

    Returns:
        For each map, 1 if the peak lies inside the mask and 0 if not, (N,).

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import peak_inside
        >>> peak_inside(torch.tensor([[[0.0, 3.0], [1.0, 0.0]]]), torch.tensor([[[0, 1], [0, 0]]]))
        tensor([1.])

    References:
        J. Zhang et al., "Top-down Neural Attention by Excitation Backprop", 2018, https://arxiv.org/abs/1608.00507.
    """
    return masks.flatten(1).gather(1, maps.flatten(1).argmax(1, keepdim=True))[:, 0].to(maps)


def mass_inside(maps: Tensor, masks: Tensor) -> Tensor:
    r"""Return the share of the positive evidence that lies inside the mask.

    .. math:: \sum_i m_i \max(e_i, 0) / \sum_i \max(e_i, 0)

    Args:
        maps: The evidence e, (N, H, W).
        masks: The masks m, 1 on the object and 0 elsewhere, (N, H, W).

    Returns:
        The share for each map, (N,), in [0, 1]. It is 0 if a map has no positive evidence.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import mass_inside
        >>> mass_inside(torch.tensor([[[-5.0, 3.0], [1.0, 0.0]]]), torch.tensor([[[0, 1], [0, 0]]]))
        tensor([0.7500])
    """
    positive = widened(maps).clamp(min=0)
    total = positive.sum((1, 2))
    return (positive * masks).sum((1, 2)) / torch.where(total == 0, 1, total)
