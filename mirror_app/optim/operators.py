"""What is done to the pixels (N, C, H, W) in [0, 1] after each step, beside the gradient.

Yosinski et al. 2015, “Understanding Neural Networks Through Deep Visualization”, https://arxiv.org/abs/1506.06579.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.precision import widened

Operator = Callable[[Tensor], Tensor]


def blur(width: float) -> Operator:
    """A Gaussian blur of that standard deviation, in pixels, mirrored at the borders; nothing at 0."""
    if width == 0:
        return lambda pixels: pixels
    radius = round(4 * width + 0.5)
    weights = torch.exp(-(torch.arange(-radius, radius + 1, dtype=torch.float64) ** 2) / (2 * width**2))
    weights /= weights.sum()

    def apply(pixels: Tensor) -> Tensor:
        blurred = widened(pixels)
        kernel = weights.to(blurred).expand(pixels.shape[1], 1, -1)
        for side in (2, 3):
            blurred = _along(blurred.movedim(side, 3), kernel, radius).movedim(3, side)
        return blurred.to(pixels)

    return apply


def clip(share: float) -> Operator:
    """Set that share of the pixels to mid-grey: those nearest to it, over all channels; nothing at 0."""
    if share == 0:
        return lambda pixels: pixels

    def apply(pixels: Tensor) -> Tensor:
        size = (pixels - 0.5).square().sum(1, keepdim=True)
        limit = size.flatten(1).quantile(share, dim=1)[:, None, None, None]
        return torch.where(size < limit, 0.5, pixels)

    return apply


def _along(pixels: Tensor, kernel: Tensor, radius: int) -> Tensor:
    # Mirroring more than the picture has is done a piece at a time: a picture may be smaller than the kernel.
    while radius:
        piece = min(radius, pixels.shape[3] - 1)
        if piece == 0:
            return pixels
        radius -= piece
        pixels = F.pad(pixels, (piece, piece, 0, 0), mode="reflect")
    return F.conv2d(pixels, kernel[:, :, None], groups=len(kernel))
