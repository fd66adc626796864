"""An attribution as colours over the picture."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from mirror_app.params import Dropdown, Radio, Slider, Toggle, Value
from mirror_app.render.colormaps import DIVERGING, SEQUENTIAL, colourise, css
from mirror_app.render.looks.look import Legend, look
from mirror_app.render.looks.picture import signed_picture
from mirror_app.render.scale import heat_peak, is_rgb, scale_heat
from mirror_app.render.sheets import resize


def heat_evidence(raw: Tensor, picture: Tensor, signed: bool) -> Tensor:
    """Return the numbers that `heat` colours, (N, H, W): summed over channels and resized to the picture."""
    evidence = resize(raw if raw.ndim == 3 else raw.sum(1), (picture.shape[-2], picture.shape[-1]))
    return evidence if signed else evidence.clamp(min=0)


def _vmax(raw: Tensor, picture: Tensor, *, show: str, signed: bool, **_unused: Value) -> float:
    if show == "map" and is_rgb(raw.shape):
        return float(raw.abs().max())
    return float(heat_peak(heat_evidence(raw, picture, signed)).max())


def _legend(raw_shape: Sequence[int], vmax: float, *, show: str, signed: bool, **colour_maps: Value) -> Legend | None:
    if show == "map" and is_rgb(raw_shape):
        return None
    name = "grey" if show == "map" else str(colour_maps["signed_colours" if signed else "colours"])
    return Legend(css(name), -vmax if signed else 0.0, vmax)


@look(vmax=_vmax, legend=_legend, is_evidence=True)
def heat(
    raw: Tensor,
    picture: Tensor,
    *,
    show: Annotated[
        str,
        Radio(
            "Show the evidence over the picture, as colours alone, or as a grey map.",
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
    """Return an attribution as colours over the picture.

    With `show="map"`, an attribution with three channels is shown as red, green and blue, with grey for zero.
    Otherwise, the channels are summed, and the map is enlarged to the size of the picture.

    Args:
        raw: The attribution, (N, h, w), or (N, C, H, W) by channel.
        picture: The picture as the model receives it, (N, 3, H, W), in [0, 1].
        show: "over the picture", "heat map" (colours alone) or "map" (in grey).
        strength: How opaque the colours are where the evidence is strongest, 0 to 1.
        signed: Whether evidence against the class is shown, too. Otherwise negative numbers count as 0.
        colours: A sequential colour map, for positive evidence.
        signed_colours: A diverging colour map, for signed evidence; its middle is zero.
        vmax: The magnitude shown in full colour; by default, the magnitude that 0.5% of an item's pixels reach.

    Returns:
        The images, (N, 3, H, W), in [0, 1].

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> raw = torch.tensor([[[-1.0, 0.0], [1.0, 2.0]]])
        >>> render.heat(raw, torch.zeros(1, 3, 2, 2), show="map")[0, 0, 1]
        tensor([0.5000, 1.0000])
    """
    if show == "map" and is_rgb(raw.shape):
        return signed_picture(raw, vmax)
    shares = scale_heat(heat_evidence(raw, picture, signed), vmax)
    colour_map = "grey" if show == "map" else signed_colours if signed else colours
    colour_image = colourise(shares / 2 + 0.5 if signed else shares, colour_map)
    if show != "over the picture":
        return colour_image
    # Without evidence, the picture is hardly dimmed; at a strength of 1, the colours cover all of it.
    opacity = torch.lerp(torch.full_like(shares, strength**3), torch.full_like(shares, strength), shares.abs())
    return torch.lerp(picture.expand_as(colour_image), colour_image, opacity[:, None])
