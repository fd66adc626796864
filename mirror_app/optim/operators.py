"""Operators: functions that are applied to the pixels (N, C, H, W) in [0, 1] after each step of an ascent.

Yosinski et al. 2015, “Understanding Neural Networks Through Deep Visualization”, https://arxiv.org/abs/1506.06579.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.precision import widened

Operator = Callable[[Tensor], Tensor]


def blur(sigma: float) -> Operator:
    """Return a Gaussian blur, with the picture reflected at its borders.

    Args:
        sigma: The standard deviation in pixels, 0 or more; 0 changes nothing.

    Returns:
        The operator.

    Example:
        >>> import torch
        >>> from mirror_app.optim import operators
        >>> point = torch.zeros(1, 1, 7, 7)
        >>> point[..., 3, 3] = 1
        >>> operators.blur(0.5)(point)[0, 0, 3].round(decimals=2)
        tensor([0.0000, 0.0000, 0.0800, 0.6200, 0.0800, 0.0000, 0.0000])

    References:
        Yosinski et al. 2015, “Understanding Neural Networks Through Deep Visualization”,
        https://arxiv.org/abs/1506.06579.
    """
    if sigma == 0:
        return lambda pixels: pixels
    radius = round(4 * sigma + 0.5)
    weights = torch.exp(-(torch.arange(-radius, radius + 1, dtype=torch.float64) ** 2) / (2 * sigma**2))
    weights /= weights.sum()

    def apply(pixels: Tensor) -> Tensor:
        blurred = widened(pixels)
        kernel = weights.to(blurred).expand(pixels.shape[1], 1, -1)
        for side in (2, 3):
            blurred = _convolve_rows(blurred.movedim(side, 3), kernel, radius).movedim(3, side)
        return blurred.to(pixels)

    return apply


def clip(fraction: float) -> Operator:
    """Return an operator that sets the pixels closest to mid-grey to mid-grey.

    The distance of a pixel from mid-grey is the Euclidean distance over all channels.

    Args:
        fraction: The fraction of each picture's pixels that are set, in [0, 1]; 0 changes nothing.

    Returns:
        The operator.

    Example:
        >>> import torch
        >>> from mirror_app.optim import operators
        >>> operators.clip(0.5)(torch.tensor([[[[0.1, 0.4, 0.6, 1.0]]]]))
        tensor([[[[0.1000, 0.5000, 0.5000, 1.0000]]]])

    References:
        Yosinski et al. 2015, “Understanding Neural Networks Through Deep Visualization”,
        https://arxiv.org/abs/1506.06579: “clipping pixels with small norm”.
    """
    if fraction == 0:
        return lambda pixels: pixels

    def apply(pixels: Tensor) -> Tensor:
        distances = (pixels - 0.5).square().sum(1, keepdim=True)
        limit = distances.flatten(1).quantile(fraction, dim=1)[:, None, None, None]
        return torch.where(distances < limit, 0.5, pixels)

    return apply


def _convolve_rows(pixels: Tensor, kernel: Tensor, radius: int) -> Tensor:
    # Padding cannot reflect more pixels than the picture has: pad pictures smaller than the kernel repeatedly.
    while radius:
        amount = min(radius, pixels.shape[3] - 1)
        if amount == 0:
            return pixels
        radius -= amount
        pixels = F.pad(pixels, (amount, amount, 0, 0), mode="reflect")
    return F.conv2d(pixels, kernel[:, :, None], groups=len(kernel))
