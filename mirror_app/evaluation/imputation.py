"""Fill in removed pixels from their neighbours, so that only the information they held is lost.

Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods",
https://arxiv.org/abs/2202.00449.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.precision import share_of

TOLERANCE = 1e-4  # of the picture's range: errors then stay near the noise that the paper adds to what is filled in
SMALLEST = 8  # pixels: the side from which on there is no coarser picture to begin with
MOST_STEPS = 1000


def impute(pictures: Tensor, removed: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Return `pictures` in which each pixel that is `removed` is the weighted mean of its neighbours.

    x_i = Σ_j w_ij x_j / Σ_j w_ij over the up to eight neighbours j of i, w = 1/6 beside it and 1/12 across a corner,
    for all removed pixels at once.

    pictures: (N, C, H, W). removed: (N, 1, H, W), True where a pixel is removed, and not everywhere.
    tolerance: how far a pixel may be from that mean, as a share of the picture's range.

    The paper solves the equations directly; here it is done by conjugate gradients, from coarse to fine.
    """
    known = ~removed
    spread = (pictures.amax((1, 2, 3), keepdim=True) - pictures.amin((1, 2, 3), keepdim=True)) * tolerance
    return _solved(torch.where(known, pictures, 0), known, spread)


def _solved(values: Tensor, known: Tensor, error: Tensor) -> Tensor:
    """Return `values`, and where they are not `known` the solution, begun with that of half the size."""
    size = (values.shape[2], values.shape[3])
    if min(size) <= SMALLEST:
        start = values.sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    else:
        half = (-(-size[0] // 2), -(-size[1] // 2))
        share = F.adaptive_avg_pool2d(known.to(values), half)
        means = F.adaptive_avg_pool2d(values, half) / share.clamp(min=torch.finfo(values.dtype).tiny)
        start = F.interpolate(_solved(means, share > 0, error), size, mode="bilinear", align_corners=False)
    return _conjugate_gradients(torch.where(known, values, start), known, error)


def _conjugate_gradients(begun: Tensor, known: Tensor, error: Tensor) -> Tensor:
    """Return the solution of the equations of the pixels that are not known, begun with `begun`.

    Each equation is multiplied by the sum of its weights, which makes their matrix symmetric.
    """
    total = _neighbours(torch.ones_like(known, dtype=begun.dtype))
    unknown = ~known

    def equations(values: Tensor) -> Tensor:
        return torch.where(unknown, total * values - _neighbours(values), 0)

    found, residual = begun.clone(), -equations(begun)
    direction, length = residual.clone(), _dot(residual, residual)
    for _ in range(MOST_STEPS):
        if (residual.abs() <= error).all():
            break
        image = equations(direction)
        step = share_of(length, _dot(direction, image))
        found += step * direction
        residual -= step * image
        length, before = _dot(residual, residual), length
        direction = residual + share_of(length, before) * direction
    return found


def _neighbours(values: Tensor) -> Tensor:
    """Return the weighted sum of each pixel's neighbours; beyond the border there are none.

    With 1/6 = 2/12 the weights are (1 2 1)ᵀ (1 2 1) / 12, and 4/12 of the pixel itself too much: a sum down and a sum
    across take a quarter of the time of the convolution.
    """
    padded = F.pad(values, (1, 1, 1, 1))
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    both = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return (both - 4 * values) / 12


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum((2, 3), keepdim=True)
