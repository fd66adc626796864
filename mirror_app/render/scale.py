"""Scales: divides raw numbers by the magnitude that is shown in full colour.

The looks in `render/looks/` turn the quotients, called shares, into colours.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mirror_app.precision import share_of, widened

SATURATED_SHARE = 0.005  # the share of a heat map's pixels that is shown in full colour


def is_rgb(shape: Sequence[int]) -> bool:
    """Tell whether raw numbers belong to red, green and blue, and not to grey values or bands.

    Args:
        shape: The shape of the numbers.

    Returns:
        Whether the shape is (N, 3, H, W).

    Example:
        >>> from mirror_app import render
        >>> render.is_rgb((1, 3, 8, 8)), render.is_rgb((1, 8, 8))
        (True, False)
    """
    return len(shape) == 4 and shape[1] == 3


def scale_by_peak(raw: Tensor) -> Tensor:
    r"""Return each item as a share of its largest magnitude.

    .. math:: x / \max |x|

    Args:
        raw: The numbers, (N, ...).

    Returns:
        The shares, (N, ...), in [-1, 1]. An item of zeros stays zero.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.scale_by_peak(torch.tensor([[1.0, -2.0], [0.0, 0.0]]))
        tensor([[ 0.5000, -1.0000],
                [ 0.0000,  0.0000]])
    """
    return share_of(raw, raw.abs().amax(tuple(range(1, raw.ndim)), keepdim=True))


def scale_by_vmax(values: Tensor, vmax: float | None) -> Tensor:
    """Return `values` as shares of `vmax`, in [-1, 1]; if `vmax` is None, the result is that of `scale_by_peak`."""
    return scale_by_peak(values) if vmax is None else (values / (vmax or 1)).clamp(-1, 1)


def scale_heat(evidence: Tensor, vmax: float | None) -> Tensor:
    """Return evidence (N, H, W) as shares of `vmax`, in [-1, 1], or of `heat_peak` for each item if `vmax` is None."""
    return scale_by_vmax(evidence, vmax) if vmax is not None else share_of(evidence, heat_peak(evidence)).clamp(-1, 1)


def heat_peak(evidence: Tensor) -> Tensor:
    """Return the magnitude that is shown in full colour in each heat map.

    The share `SATURATED_SHARE` of the pixels reaches this magnitude. On a scale that ends at the largest magnitude, a
    fine map would be dark except for a pixel or two.

    Args:
        evidence: The maps, (N, H, W).

    Returns:
        The magnitudes, (N, 1, 1). For a map with a smaller share of non-zero pixels, it is the largest magnitude.
    """
    strongest = evidence.abs().flatten(1).topk(max(1, int(SATURATED_SHARE * evidence[0].numel())), 1).values
    return torch.where(strongest[:, -1] == 0, strongest[:, 0], strongest[:, -1])[:, None, None]


def scale_by_percentile(values: Tensor, contrast: float) -> Tensor:
    """Return each item (C, H, W) as shares of its `percentile_peak`, in [-1, 1]."""
    return share_of(values, percentile_peak(values, contrast)).clamp(-1, 1)


def percentile_peak(values: Tensor, contrast: float) -> Tensor:
    """Return the magnitude that `contrast` percent of each item's numbers exceed, (N, 1, 1, 1)."""
    return widened(values).abs().flatten(1).quantile(1 - contrast / 100, 1)[:, None, None, None]
