"""Small random changes before the network looks, so that what raises the objective is no trick of pixels.

A transform takes pixels (N, C, H, W) and a generator, and draws one change for the batch; a gradient goes through.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

Transform = Callable[[Tensor, Generator], Tensor]


def jitter(most: int) -> Transform:
    """Roll the picture by up to `most` pixels each way, down and across: what leaves enters on the other side."""

    def apply(pixels: Tensor, generator: Generator) -> Tensor:
        down, across = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
        return pixels.roll((down, across), (2, 3))

    return apply


def pad(margin: int) -> Transform:
    """Put a mid-grey margin of so many pixels around the picture."""
    return lambda pixels, generator: F.pad(pixels, (margin,) * 4, value=0.5)


def rotate(degrees: float) -> Transform:
    """Turn the picture about its middle by up to so many degrees either way, mirrored at the borders."""

    def apply(pixels: Tensor, generator: Generator) -> Tensor:
        angle = math.radians(_between(-degrees, degrees, generator))
        return _resample(pixels, math.cos(angle), math.sin(angle))

    return apply


def scale(share: float) -> Transform:
    """Enlarge or reduce what is shown by up to that share of 1, about the middle; the size stays, borders mirrored."""

    def apply(pixels: Tensor, generator: Generator) -> Tensor:
        return _resample(pixels, 1 / _between(1 - share, 1 + share, generator), 0)

    return apply


def _between(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _resample(pixels: Tensor, along: float, aside: float) -> Tensor:
    """Show at (x, y) from the middle what lies at (along x - aside y, aside x + along y)."""
    height, width = pixels.shape[2:]
    # The grid counts each side from -1 to 1, so that on a picture that is not square a turn is no turn of its numbers.
    places = pixels.new_tensor([[along, -aside * height / width, 0], [aside * width / height, along, 0]])
    grid = F.affine_grid(places.expand(len(pixels), 2, 3), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
