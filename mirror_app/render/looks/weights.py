"""Filters as pictures."""

from typing import Annotated

from torch import Tensor

from mirror_app.params import Radio
from mirror_app.render.colormaps import DIVERGING, colourise
from mirror_app.render.looks.look import look
from mirror_app.render.scale import scale_by_peak


@look(shows_rgb=True)
def weights(
    raw: Tensor,
    picture: Tensor,
    *,
    scale: Annotated[
        str,
        Radio(
            "Scaling each filter to its own range also shows faint ones; one scale for all makes them comparable.",
            "Contrast",
            options=("each filter", "all filters"),
        ),
    ] = "each filter",
) -> Tensor:
    """Return filters as pictures.

    Args:
        raw: Filters, (N, C, h, w), with 1 or 3 channels. With 3 channels, medium grey is zero. With 1 channel, white
            is zero, blue is negative and red is positive.
        picture: Not used.
        scale: "each filter" scales each filter by its own largest magnitude, and "all filters" scales all filters by
            the largest magnitude of all.

    Returns:
        The pictures, (N, 3, h, w).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> filters = torch.tensor([2.0, -2.0, 0.0]).view(1, 3, 1, 1)
        >>> render.weights(filters, filters).flatten()
        tensor([1.0000, 0.0000, 0.5000])
    """
    share = scale_by_peak(raw.reshape(1, -1)).reshape(raw.shape) if scale == "all filters" else scale_by_peak(raw)
    return share / 2 + 0.5 if raw.shape[1] == 3 else colourise(share[:, 0] / 2 + 0.5, DIVERGING[0])
