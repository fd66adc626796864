"""Fills in removed pixels from their neighbours, so that only the information in the removed pixels is lost."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.precision import share_of

# A share of the picture's range. It keeps the errors of filled-in pixels below the noise that the paper adds to them.
TOLERANCE = 1e-4
SMALLEST = 8  # pixels: if a side is this short, the solver starts from the picture's mean, not from a coarser picture
MOST_STEPS = 1000


def impute(pictures: Tensor, removed: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    r"""Return pictures in which each removed pixel is the weighted mean of its neighbours.

    .. math:: x_i = \sum_j w_{ij} x_j / \sum_j w_{ij}

    The equations hold for all removed pixels i at once. The sums run over the neighbours j of i, up to eight. The
    weight is 1/6 for a neighbour with a common edge, and 1/12 for one at a corner.

    Args:
        pictures: The pictures, (N, C, H, W).
        removed: True for each removed pixel, (N, 1, H, W). At least one pixel of each picture must remain.
        tolerance: How far a pixel may be from the weighted mean, as a share of the picture's range.

    Returns:
        The pictures, (N, C, H, W). Pixels that are not removed keep their values.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import impute
        >>> ramp = torch.arange(5.0).expand(1, 1, 5, 5)
        >>> removed = torch.zeros(1, 1, 5, 5, dtype=torch.bool)
        >>> removed[0, 0, 2, 2] = True
        >>> impute(ramp, removed)[0, 0, 2]
        tensor([0., 1., 2., 3., 4.])

    References:
        Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", 2022,
        https://arxiv.org/abs/2202.00449.

    Differs from the paper:
        The paper solves the equations directly. This uses conjugate gradients, from coarse to fine.
    """
    is_known = ~removed
    error = (pictures.amax((1, 2, 3), keepdim=True) - pictures.amin((1, 2, 3), keepdim=True)) * tolerance
    return _multigrid(torch.where(is_known, pictures, 0), is_known, error)


def _multigrid(values: Tensor, is_known: Tensor, error: Tensor) -> Tensor:
    """Return `values` with all unknown pixels filled in, starting from the solution at half the size."""
    size = (values.shape[2], values.shape[3])
    if min(size) <= SMALLEST:
        initial = values.sum((2, 3), keepdim=True) / is_known.sum((2, 3), keepdim=True)
    else:
        half = (-(-size[0] // 2), -(-size[1] // 2))
        share = F.adaptive_avg_pool2d(is_known.to(values), half)
        means = F.adaptive_avg_pool2d(values, half) / share.clamp(min=torch.finfo(values.dtype).tiny)
        initial = F.interpolate(_multigrid(means, share > 0, error), size, mode="bilinear", align_corners=False)
    return _conjugate_gradients(torch.where(is_known, values, initial), is_known, error)


def _conjugate_gradients(initial: Tensor, is_known: Tensor, error: Tensor) -> Tensor:
    """Solve the equations of all pixels that are not `is_known`, starting from `initial`, and return the solution.

    Each equation is multiplied by the sum of its weights, which makes the matrix symmetric.
    """
    total_weight = _weighted_neighbours(torch.ones_like(is_known, dtype=initial.dtype))
    unknown = ~is_known

    def equations(values: Tensor) -> Tensor:
        return torch.where(unknown, total_weight * values - _weighted_neighbours(values), 0)

    solution, residual = initial.clone(), -equations(initial)
    direction, length = residual.clone(), _dot(residual, residual)
    for _ in range(MOST_STEPS):
        if (residual.abs() <= error).all():
            break
        image = equations(direction)
        step = share_of(length, _dot(direction, image))
        solution += step * direction
        residual -= step * image
        length, previous_length = _dot(residual, residual), length
        direction = residual + share_of(length, previous_length) * direction
    return solution


def _weighted_neighbours(values: Tensor) -> Tensor:
    """Return the weighted sum of each pixel's neighbours; beyond the border, there are none.

    Since 1/6 = 2/12, the weights are (1 2 1)ᵀ (1 2 1) / 12 minus 4/12 of the pixel itself. Summing down and then across
    takes a quarter of the time of a convolution.
    """
    padded = F.pad(values, (1, 1, 1, 1))
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    both = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return (both - 4 * values) / 12


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum((2, 3), keepdim=True)
