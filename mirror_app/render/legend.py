"""Colour bars: the numbers that the colours of a look stand for."""

from collections.abc import Sequence

from torch import Tensor

from mirror_app.params import Value
from mirror_app.render.looks.look import Legend, Look

__all__ = ["Legend", "legend", "vmax"]


def vmax(look: Look, raw: Tensor, picture: Tensor, **params: Value) -> float | None:
    """Return the magnitude that is shown in full colour when a picture has its own scale.

    Args:
        look: A look, such as `render.heat`.
        raw: The raw numbers, (N, h, w) or (N, C, h, w).
        picture: The picture as the model receives it, (N, 3, H, W).
        params: All parameters of the look.

    Returns:
        The magnitude, the largest over all items, or None if the look has no scale that pictures could share.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> raw = torch.tensor([[[-3.0, 0.0], [1.0, 2.0]]])
        >>> render.vmax(render.heat, raw, torch.zeros(1, 3, 2, 2), show="heat map", signed=False)
        2.0
    """
    return look.vmax(raw, picture, **params) if look.vmax else None


def legend(look: Look, raw_shape: Sequence[int], vmax: float | None, **params: Value) -> Legend | None:
    """Return the colour bar of a look.

    Args:
        look: A look, such as `render.heat`.
        raw_shape: The shape of the raw numbers.
        vmax: The magnitude that is shown in full colour.
        params: All parameters of the look.

    Returns:
        The colour bar, or None if the look has no colour bar with these parameters, or if `vmax` is None or 0.

    Example:
        >>> from mirror_app import render
        >>> params = {"show": "map", "signed": False, "colours": "inferno"}
        >>> render.legend(render.heat, (1, 8, 8), 2.0, **params)
        Legend(colours=('#000000', '#ffffff'), low=0.0, high=2.0)
    """
    return look.legend(raw_shape, vmax, **params) if look.legend and vmax else None
