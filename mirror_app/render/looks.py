"""From raw numbers to colours, at the very end: this decides what is red.

A look is a function `(raw, picture, **params) -> images`: from the raw map of a visualisation and the picture
(N, 3, H, W) in [0, 1] that the model saw, to images (M, 3, h, w) in [0, 1]. Its annotations declare its parameters, as
those of a visualisation do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from mirror_app.params import Dropdown, Radio, Slider, Toggle, Value
from mirror_app.precision import share_of, widened
from mirror_app.render.colormaps import DIVERGING, SEQUENTIAL, colourise, css
from mirror_app.render.sheets import resize

Look = Callable[..., Tensor]
SATURATED_SHARE = 0.005  # of the pixels of a heat map: those in the full colour
ORDERS = ("by number", "strongest first")


def tiles(
    raw: Tensor,
    picture: Tensor,
    *,
    scale: Annotated[
        str,
        Radio(
            "Scaling each map to its own range also shows faint maps; one scale for all maps makes them comparable.",
            "Brightness",
            options=("each map", "all maps"),
        ),
    ] = "each map",
    order: Annotated[
        str,
        Radio(
            "By map number, or strongest first: the maps with the largest values on this picture come first.",
            options=ORDERS,
        ),
    ] = ORDERS[0],
    colours: Annotated[
        str, Dropdown("viridis is perceptually uniform and colour-blind safe.", options=SEQUENTIAL)
    ] = "viridis",
) -> Tensor:
    """Every feature map (N, C, h, w) as a picture of its own, (N · C, 3, h, w); a vector (N, C) as its pixels."""
    maps = raw.flatten(0, 1) if raw.ndim == 4 else raw.reshape(-1, 1, 1)
    if order != ORDERS[0]:
        maps = maps[indices_by_peak(raw)]
    shared = (0, 1, 2) if scale == "all maps" or raw.ndim == 2 else (1, 2)
    low, high = maps.amin(shared, keepdim=True), maps.amax(shared, keepdim=True)
    return colourise(share_of(maps - low, high - low), colours)


def indices_by_peak(raw: Tensor) -> Tensor:
    """Return the numbers (N · C,) of the maps (N, C, h, w) or (N, C), that with the largest value first."""
    return raw.flatten(0, 1).reshape(raw.shape[0] * raw.shape[1], -1).amax(1).argsort(descending=True, stable=True)


def heat(
    raw: Tensor,
    picture: Tensor,
    *,
    show: Annotated[
        str,
        Radio(
            "The evidence over the picture, as colours alone, or as the plain map.",
            options=("over the picture", "heat map", "map"),
        ),
    ] = "over the picture",
    strength: Annotated[float, Slider("How opaque the colours are.", when=("show", "over the picture"))] = 0.6,
    signed: Annotated[
        bool,
        Toggle("Warm colours are evidence for the class, cold ones against it.", "Also show evidence against"),
    ] = False,
    colours: Annotated[
        str,
        Dropdown("inferno is perceptually uniform and colour-blind safe.", options=SEQUENTIAL, when=("signed", False)),
    ] = "inferno",
    signed_colours: Annotated[
        str,
        Dropdown("Both are colour-blind safe; white is zero.", "Colours", options=DIVERGING, when=("signed", True)),
    ] = DIVERGING[0],
    vmax: float | None = None,
) -> Tensor:
    """An attribution (N, h, w), or (N, C, H, W) by channel, as colours over the picture: (N, 3, H, W).

    What the channels say is summed up; as the plain map, that by red, green and blue is shown in these, grey for zero.
    The magnitude `vmax` has the full colour; without it, what `SATURATED_SHARE` of each item's pixels reach: by the very
    largest number, a fine map would be dark but for a pixel or two.
    """
    if show == "map" and is_rgb(raw.shape):
        return signed_picture(raw, vmax)
    total = raw if raw.ndim == 3 else raw.sum(1)
    total = resize(total, (picture.shape[-2], picture.shape[-1]))
    shares = _heat_shares(total if signed else total.clamp(min=0), vmax)
    if signed:
        coloured = colourise(shares / 2 + 0.5, "grey" if show == "map" else signed_colours)
    else:
        coloured = colourise(shares, "grey" if show == "map" else colours)
    if show != "over the picture":
        return coloured
    # Where there is no evidence the picture is hardly dimmed; at a strength of 1 the colours cover all of it.
    cover = torch.lerp(torch.full_like(shares, strength**3), torch.full_like(shares, strength), shares.abs())
    return torch.lerp(picture.expand_as(coloured), coloured, cover[:, None])


def picture(raw: Tensor, picture: Tensor) -> Tensor:
    """Pixels (N, C, H, W) in [0, 1] as they are, whatever the input was: (N, 3, H, W)."""
    return raw if raw.shape[1] == 3 else raw.mean(1, keepdim=True).expand(-1, 3, -1, -1)


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
    """Filters (N, C, h, w), C 1 or 3, as pictures (N, 3, h, w): mid-grey is zero; of one channel, blue is negative."""
    share = scale_by_peak(raw.reshape(1, -1)).reshape(raw.shape) if scale == "all filters" else scale_by_peak(raw)
    return share / 2 + 0.5 if raw.shape[1] == 3 else colourise(share[:, 0] / 2 + 0.5, DIVERGING[0])


def gradient(
    raw: Tensor,
    picture: Tensor,
    *,
    show: Annotated[
        str,
        Radio(
            "The largest of the channels' magnitudes; the colours as they are, with grey for zero; or one sign alone.",
            options=("grey", "colour", "positive", "negative", "over the picture"),
        ),
    ] = "grey",
    contrast: Annotated[
        float,
        Slider("The percentage of the strongest pixels shown at full brightness.", min=0, max=5, step=0.1),
    ] = 0.5,
    vmax: float | None = None,
) -> Tensor:
    """A signed gradient (N, C, H, W) as pictures (N, 3, H, W).

    The magnitude `vmax` has the full brightness; without it, that of each item which `contrast` names.
    """
    part = _part(raw, show)
    share = share_of(part, _strongest(part, contrast)).clamp(-1, 1) if vmax is None else _shares(part, vmax)
    if show == "over the picture":
        return torch.lerp(picture, colourise(share[:, 0], "inferno"), 0.7)
    share = share / 2 + 0.5 if show == "colour" else share
    return share if raw.shape[1] == 3 and share.shape[1] == 3 else share.mean(1, keepdim=True).expand(-1, 3, -1, -1)


def is_rgb(shape: Sequence[int]) -> bool:
    """Tell whether raw numbers of that shape are of red, green and blue, and not of grey or of bands."""
    return len(shape) == 4 and shape[1] == 3


def signed_picture(raw: Tensor, vmax: float | None = None) -> Tensor:
    """Signed numbers (N, C, H, W) as a picture: mid-grey is zero, one scale for all the channels of an item, or all."""
    return _shares(raw, vmax) / 2 + 0.5


def scale_by_peak(raw: Tensor) -> Tensor:
    """Return each item of `raw` as shares of its largest magnitude, in [-1, 1]; an item of zeros stays zero."""
    return share_of(raw, raw.abs().amax(tuple(range(1, raw.ndim)), keepdim=True))


def vmax(look: Look, raw: Tensor, picture: Tensor, **params: Value) -> float | None:
    """Return the magnitude that has the full colour where `look` is left alone; None where it can share no scale."""
    return _VMAX_OF[look](raw, picture, **params) if look in _VMAX_OF else None


@dataclass(frozen=True)
class Legend:
    """Colours at equal steps, as CSS writes them: the first is that of the number `low`, the last that of `high`."""

    colours: tuple[str, ...]
    low: float
    high: float


def legend(look: Look, raw_shape: Sequence[int], vmax: float | None, **params: Value) -> Legend | None:
    """Return what the colours mean where `vmax` has the full one; None where a number has no colour of its own."""
    if look is not heat or not vmax or (params["show"] == "map" and is_rgb(raw_shape)):
        return None
    signed = bool(params["signed"])
    name = "grey" if params["show"] == "map" else str(params["signed_colours" if signed else "colours"])
    return Legend(css(name), -vmax if signed else 0.0, vmax)


def _heat_vmax(raw: Tensor, picture: Tensor, *, show: str, signed: bool, **others: Value) -> float:
    if show == "map" and is_rgb(raw.shape):
        return float(raw.abs().max())
    evidence = resize(raw if raw.ndim == 3 else raw.sum(1), (picture.shape[-2], picture.shape[-1]))
    return float(_full(evidence if signed else evidence.clamp(min=0)).max())


def _gradient_vmax(raw: Tensor, picture: Tensor, *, show: str, contrast: float) -> float:
    return float(_strongest(_part(raw, show), contrast).max())


_VMAX_OF: dict[Look, Callable[..., float]] = {heat: _heat_vmax, gradient: _gradient_vmax}


def _part(raw: Tensor, show: str) -> Tensor:
    """Return what `gradient` shows of (N, C, H, W)."""
    match show:
        case "positive":
            return raw.clamp(min=0)
        case "negative":
            return (-raw).clamp(min=0)
        case "colour":
            return raw
        case _:
            return raw.abs().amax(1, keepdim=True)


def _strongest(part: Tensor, contrast: float) -> Tensor:
    """Return the magnitude that so many per cent of each item's numbers exceed, (N, 1, 1, 1)."""
    return widened(part).abs().flatten(1).quantile(1 - contrast / 100, 1)[:, None, None, None]


def _heat_shares(evidence: Tensor, vmax: float | None) -> Tensor:
    """Return evidence (N, H, W) as shares of `vmax`, in [-1, 1], or of what `_full` says of each item."""
    return _shares(evidence, vmax) if vmax is not None else share_of(evidence, _full(evidence)).clamp(-1, 1)


def _full(evidence: Tensor) -> Tensor:
    """Return the magnitude that the strongest pixels of each item reach, (N, 1, 1): the largest where that is 0."""
    strongest = evidence.abs().flatten(1).topk(max(1, int(SATURATED_SHARE * evidence[0].numel())), 1).values
    return torch.where(strongest[:, -1] == 0, strongest[:, 0], strongest[:, -1])[:, None, None]


def _shares(values: Tensor, vmax: float | None) -> Tensor:
    """Return `values` as shares of `vmax`, in [-1, 1], or each item's as shares of its own largest magnitude."""
    return scale_by_peak(values) if vmax is None else (values / (vmax or 1)).clamp(-1, 1)
