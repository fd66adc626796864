"""Random transforms of the picture before each forward pass, so that the objective does not depend on exact pixels.

A transform takes pixels (N, C, H, W) and a generator, and draws one change for the whole batch. It lets gradients pass.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

Transform = Callable[[Tensor, Generator], Tensor]


def jitter(shift: int) -> Transform:
    """Return a random shift, down and across; pixels that leave on one side enter on the other.

    Args:
        shift: The largest shift in pixels, 0 or more.

    Returns:
        The transform.

    Example:
        >>> import torch
        >>> from mirror_app.optim import transforms
        >>> transforms.jitter(1)(torch.arange(4.0).view(1, 1, 1, 4), torch.Generator().manual_seed(0))
        tensor([[[[1., 2., 3., 0.]]]])

    References:
        Mordvintsev et al. 2015, “Inceptionism: Going Deeper into Neural Networks”.
    """

    def apply(pixels: Tensor, generator: Generator) -> Tensor:
        down, across = torch.randint(-shift, shift + 1, (2,), generator=generator).tolist()
        return pixels.roll((down, across), (2, 3))

    return apply


def pad(margin: int) -> Transform:
    """Return a transform that adds a mid-grey margin.

    Args:
        margin: The width of the margin in pixels, on each side.

    Returns:
        The transform. It is not random.

    Example:
        >>> import torch
        >>> from mirror_app.optim import transforms
        >>> transforms.pad(2)(torch.zeros(1, 3, 8, 8), torch.Generator()).shape
        torch.Size([1, 3, 12, 12])
    """
    return lambda pixels, generator: F.pad(pixels, (margin,) * 4, value=0.5)


def rotate(degrees: float) -> Transform:
    """Return a random rotation about the centre, with the picture reflected at its borders.

    Args:
        degrees: The largest angle, in degrees, in either direction.

    Returns:
        The transform.

    Example:
        >>> import torch
        >>> from mirror_app.optim import transforms
        >>> transforms.rotate(5)(torch.rand(1, 3, 8, 8), torch.Generator()).shape
        torch.Size([1, 3, 8, 8])
    """

    def apply(pixels: Tensor, generator: Generator) -> Tensor:
        angle = math.radians(_uniform(-degrees, degrees, generator))
        return _resample(pixels, math.cos(angle), math.sin(angle))

    return apply


def scale(fraction: float) -> Transform:
    """Return a random zoom about the centre; the picture keeps its size and is reflected at its borders.

    Args:
        fraction: The largest change. For example, 0.05 scales by a factor between 0.95 and 1.05.

    Returns:
        The transform.

    Example:
        >>> import torch
        >>> from mirror_app.optim import transforms
        >>> transforms.scale(0.05)(torch.rand(1, 3, 8, 8), torch.Generator()).shape
        torch.Size([1, 3, 8, 8])
    """

    def apply(pixels: Tensor, generator: Generator) -> Tensor:
        return _resample(pixels, 1 / _uniform(1 - fraction, 1 + fraction, generator), 0)

    return apply


def _uniform(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _resample(pixels: Tensor, cosine: float, sine: float) -> Tensor:
    """Return pixels whose value at (x, y) comes from (cosine x - sine y, sine x + cosine y); the centre is (0, 0)."""
    height, width = pixels.shape[2:]
    # The grid counts each side from -1 to 1: in a picture that is not square, the two axes have different units.
    matrix = pixels.new_tensor([[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]])
    grid = F.affine_grid(matrix.expand(len(pixels), 2, 3), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
