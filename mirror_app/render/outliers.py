"""Outlier tokens: the few cells of an attention map that would use up the colour scale.

Large transformers use a few tokens of the background to store information about the whole picture. Most attention goes
there, and on a scale that ends at these tokens, all others are dark.

References:
    Darcet et al. 2024, “Vision Transformers Need Registers”, https://arxiv.org/abs/2309.16588.
"""

import inspect
import math
from functools import wraps
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.params import Toggle
from mirror_app.render.looks.look import Look

SHARE = 0.02  # the largest share of a map's cells that can be outliers
FACTOR = 4.0  # an outlier is more than this many times as large as the largest of the other cells
MARK = (1.0, 0.18, 0.58)  # pink, which is in none of the colour maps
SWITCH = Annotated[
    bool,
    Toggle(
        "The few cells whose value is more than 4 times the largest value of the other 98% are left out of the colour "
        "scale and shown in pink."
    ),
]


def outliers(maps: Tensor) -> Tensor:
    """Return which cells of maps are outliers.

    An outlier is more than 4 times as large as the largest of the other 98% of its map's cells.

    Args:
        maps: Maps (..., h, w) of numbers that are not negative.

    Returns:
        A mask (..., h, w).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> map_ = torch.ones(10, 10)
        >>> map_[2, 3], map_[4, 4] = 9.0, 3.0
        >>> render.outliers(map_).nonzero().tolist()
        [[2, 3]]
    """
    cells = maps.flatten(-2)
    count = math.ceil(SHARE * cells.shape[-1])
    if count >= cells.shape[-1]:
        return torch.zeros_like(maps, dtype=torch.bool)
    others = cells.topk(count + 1, -1).values[..., -1]
    return (maps > FACTOR * others[..., None, None]) & (others > 0)[..., None, None]


def marking_outliers(base: Look) -> Look:
    """Return `base` with a switch that leaves outliers out of the colour scale and marks them in pink.

    Args:
        base: A look for raw numbers (N, h, w) or (N, C, h, w).

    Returns:
        A look with the parameters of `base` and "mark_outliers", False by default.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> raw = torch.ones(1, 10, 10)
        >>> raw[0, 2, 3] = 9.0
        >>> look, picture = render.marking_outliers(render.heat), torch.zeros(1, 3, 10, 10)
        >>> look.vmax(raw, picture, show="heat map", signed=False, mark_outliers=True)
        1.0
    """

    @wraps(base.render)
    def render(raw: Tensor, picture: Tensor, *, mark_outliers: bool = False, **params: Any) -> Tensor:
        if not mark_outliers:
            return base(raw, picture, **params)
        images = base(_without_outliers(raw), picture, **params)
        mask = outliers(raw).flatten(0, -3)
        values = {name: parameter.default for name, parameter in base.params.items()} | params
        numbers = base.order(raw, **values) if base.order else None
        if numbers is not None:
            mask = mask[numbers]
        enlarged = F.interpolate(mask[:, None].float(), images.shape[-2:], mode="nearest-exact") > 0
        return torch.where(enlarged, images.new_tensor(MARK)[:, None, None], images)

    def vmax(raw: Tensor, picture: Tensor, *, mark_outliers: bool = False, **params: Any) -> float | None:
        return base.vmax(_without_outliers(raw) if mark_outliers else raw, picture, **params) if base.vmax else None

    _declare_switch(render, base)
    return Look(render, vmax if base.vmax else None, base.legend, base.order, base.hint, base.is_evidence)


def _declare_switch(render: Any, base: Look) -> None:
    """Give `render` the signature of `base` and the argument `mark_outliers`."""
    declared = inspect.signature(base.render)
    switch = inspect.Parameter("mark_outliers", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=SWITCH)
    render.__signature__ = declared.replace(parameters=[*declared.parameters.values(), switch])
    render.__annotations__ = {**base.render.__annotations__, "mark_outliers": SWITCH}


def _without_outliers(maps: Tensor) -> Tensor:
    """Return the maps with each outlier replaced by the largest value of the other cells."""
    mask = outliers(maps)
    vmax = maps.masked_fill(mask, -torch.inf).amax((-2, -1), keepdim=True)
    return torch.where(mask, vmax.expand_as(maps), maps)
