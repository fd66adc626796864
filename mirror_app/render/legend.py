"""Colour bars: what the colours of a look mean in numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from mirror_app.params import Value
from mirror_app.render.colormaps import css
from mirror_app.render.looks import Look, gradient, gradient_part, heat, heat_evidence
from mirror_app.render.scale import heat_peak, is_rgb, percentile_peak


@dataclass(frozen=True)
class Legend:
    """A colour bar.

    Args:
        colours: Colours at equal steps, as CSS hex codes.
        low: The number that has the first colour.
        high: The number that has the last colour.

    Example:
        >>> from mirror_app.render import Legend
        >>> Legend(("#000000", "#ffffff"), low=0.0, high=1.5).high
        1.5
    """

    colours: tuple[str, ...]
    low: float
    high: float


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
    return _VMAX_OF[look](raw, picture, **params) if look in _VMAX_OF else None


def legend(look: Look, raw_shape: Sequence[int], vmax: float | None, **params: Value) -> Legend | None:
    """Return the colour bar of a look.

    Args:
        look: A look, such as `render.heat`.
        raw_shape: The shape of the raw numbers.
        vmax: The magnitude that is shown in full colour.
        params: All parameters of the look.

    Returns:
        The colour bar, or None if a number has no colour of its own: only heat maps have one, unless they show
        red, green and blue, or are zero everywhere.

    Example:
        >>> from mirror_app import render
        >>> params = {"show": "map", "signed": False, "colours": "inferno"}
        >>> render.legend(render.heat, (1, 8, 8), 2.0, **params)
        Legend(colours=('#000000', '#ffffff'), low=0.0, high=2.0)
    """
    if look is not heat or not vmax or (params["show"] == "map" and is_rgb(raw_shape)):
        return None
    signed = bool(params["signed"])
    name = "grey" if params["show"] == "map" else str(params["signed_colours" if signed else "colours"])
    return Legend(css(name), -vmax if signed else 0.0, vmax)


def _heat_vmax(raw: Tensor, picture: Tensor, *, show: str, signed: bool, **_unused: Value) -> float:
    if show == "map" and is_rgb(raw.shape):
        return float(raw.abs().max())
    return float(heat_peak(heat_evidence(raw, picture, signed)).max())


def _gradient_vmax(raw: Tensor, _picture: Tensor, *, show: str, contrast: float) -> float:
    return float(percentile_peak(gradient_part(raw, show), contrast).max())


_VMAX_OF: dict[Look, Callable[..., float]] = {heat: _heat_vmax, gradient: _gradient_vmax}
