"""Looks: functions that turn raw numbers into colours. Which pixels of a picture are red is decided here.

A look is a function `(raw, picture, **params) -> images`. It takes the raw numbers of a visualisation and the picture
that the model received, (N, 3, H, W) in [0, 1], and returns images (M, 3, h, w) in [0, 1]. Its annotations declare its
parameters, as those of a visualisation do. `render/scale.py` decides which number is shown in full colour, and
`render/legend.py` describes the colours in numbers.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from mirror_app.params import Dropdown, Radio, Slider, Toggle
from mirror_app.precision import share_of
from mirror_app.render.colormaps import DIVERGING, SEQUENTIAL, colourise
from mirror_app.render.scale import is_rgb, scale_by_peak, scale_by_percentile, scale_by_vmax, scale_heat
from mirror_app.render.sheets import resize

Look = Callable[..., Tensor]
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
    """Return every feature map as a picture of its own.

    Args:
        raw: Feature maps (N, C, h, w), or vectors (N, C), whose numbers become one pixel each.
        picture: Not used.
        scale: "each map" stretches each map to its own range, "all maps" all of them to a common range.
        order: "by number", or "strongest first": the maps with the largest values come first.
        colours: A sequential colour map.

    Returns:
        The pictures, (N · C, 3, h, w).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> maps = torch.arange(8.0).view(1, 2, 2, 2)
        >>> render.tiles(maps, maps, colours="grey")[:, 0, 1, 1]
        tensor([1., 1.])
    """
    maps = raw.flatten(0, 1) if raw.ndim == 4 else raw.reshape(-1, 1, 1)
    if order != ORDERS[0]:
        maps = maps[indices_by_peak(raw)]
    shared = (0, 1, 2) if scale == "all maps" or raw.ndim == 2 else (1, 2)
    low, high = maps.amin(shared, keepdim=True), maps.amax(shared, keepdim=True)
    return colourise(share_of(maps - low, high - low), colours)


def indices_by_peak(raw: Tensor) -> Tensor:
    """Return the order of maps by their largest values.

    Args:
        raw: Feature maps (N, C, h, w), or vectors (N, C).

    Returns:
        The numbers (N · C,) of the maps, or of the entries of the vectors. The one with the largest value comes first.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.indices_by_peak(torch.tensor([[1.0, 5.0, 3.0]]))
        tensor([1, 2, 0])
    """
    return raw.flatten(0, 1).reshape(raw.shape[0] * raw.shape[1], -1).amax(1).argsort(descending=True, stable=True)


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

    With `show="map"`, numbers for red, green and blue are shown in these colours, with grey for zero. Otherwise, the
    channels are summed, and the map is enlarged to the size of the picture.

    Args:
        raw: The attribution, (N, h, w), or (N, C, H, W) by channel.
        picture: The picture as the model receives it, (N, 3, H, W), in [0, 1].
        show: "over the picture", "heat map" (colours alone) or "map" (in grey).
        strength: How opaque the colours are where the evidence is strongest, 0 to 1.
        signed: Whether evidence against the class is shown, too. Otherwise negative numbers count as 0.
        colours: A sequential colour map, for positive evidence.
        signed_colours: A diverging colour map, for signed evidence; its middle is zero.
        vmax: The magnitude shown in full colour; by default, the one that 0.5% of an item's pixels reach.

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


def picture(raw: Tensor, picture: Tensor) -> Tensor:
    """Return pixels as they are.

    Args:
        raw: Pixels, (N, C, H, W), in [0, 1]. Unless C is 3, the mean of the channels is shown in grey.
        picture: Not used.

    Returns:
        The images, (N, 3, H, W).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.picture(torch.rand(1, 1, 4, 4), torch.zeros(1, 3, 4, 4)).shape
        torch.Size([1, 3, 4, 4])
    """
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
    """Return filters as pictures.

    Args:
        raw: Filters, (N, C, h, w), with 1 or 3 channels. With three, medium grey is zero; with one, white is zero, blue
            is negative and red is positive.
        picture: Not used.
        scale: "each filter" scales each filter by its largest magnitude, "all filters" all of them by the same one.

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


def gradient(
    raw: Tensor,
    picture: Tensor,
    *,
    show: Annotated[
        str,
        Radio(
            "Show the largest magnitude of the channels in grey, the signed colours (grey is zero), or one sign only.",
            options=("grey", "colour", "positive", "negative", "over the picture"),
        ),
    ] = "grey",
    contrast: Annotated[
        float,
        Slider(
            "The share of all pixels, in percent, that is shown at full brightness: the strongest ones.",
            min=0,
            max=5,
            step=0.1,
        ),
    ] = 0.5,
    vmax: float | None = None,
) -> Tensor:
    """Return a signed gradient as pictures.

    Args:
        raw: The gradient, (N, C, H, W).
        picture: The picture as the model receives it, (N, 3, H, W), in [0, 1].
        show: "grey" shows the largest magnitude of the channels, "colour" the signed numbers with medium grey for zero,
            "positive" and "negative" one sign alone, "over the picture" the magnitudes in colours over the picture.
        contrast: The share of all numbers, in percent, that is shown at full brightness: the strongest ones. 0 to 5.
        vmax: The magnitude shown at full brightness; by default, the one that `contrast` percent of an item's numbers
            exceed.

    Returns:
        The images, (N, 3, H, W), in [0, 1].

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> raw = torch.tensor([1.0, -2.0, 0.5]).view(1, 3, 1, 1)
        >>> render.gradient(raw, torch.zeros(1, 3, 1, 1), show="colour", contrast=0.0).flatten()
        tensor([0.7500, 0.0000, 0.6250])
    """
    part = gradient_part(raw, show)
    share = scale_by_vmax(part, vmax) if vmax is not None else scale_by_percentile(part, contrast)
    if show == "over the picture":
        return torch.lerp(picture, colourise(share[:, 0], "inferno"), 0.7)
    share = share / 2 + 0.5 if show == "colour" else share
    return share if raw.shape[1] == 3 and share.shape[1] == 3 else share.mean(1, keepdim=True).expand(-1, 3, -1, -1)


def signed_picture(raw: Tensor, vmax: float | None = None) -> Tensor:
    """Return signed numbers as a picture in which medium grey is zero.

    Args:
        raw: The numbers, (N, C, H, W).
        vmax: The magnitude shown in full colour. By default, each item is scaled by its largest magnitude, the same
            for all its channels.

    Returns:
        The picture, (N, C, H, W), in [0, 1].

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.signed_picture(torch.tensor([2.0, -1.0, 0.0]).view(1, 3, 1, 1)).flatten()
        tensor([1.0000, 0.2500, 0.5000])
    """
    return scale_by_vmax(raw, vmax) / 2 + 0.5


def heat_evidence(raw: Tensor, picture: Tensor, signed: bool) -> Tensor:
    """Return the numbers that `heat` colours, (N, H, W): summed over channels, and at the size of the picture."""
    evidence = resize(raw if raw.ndim == 3 else raw.sum(1), (picture.shape[-2], picture.shape[-1]))
    return evidence if signed else evidence.clamp(min=0)


def gradient_part(raw: Tensor, show: str) -> Tensor:
    """Return the numbers that `gradient` shows, (N, C, H, W) or (N, 1, H, W)."""
    match show:
        case "positive":
            return raw.clamp(min=0)
        case "negative":
            return (-raw).clamp(min=0)
        case "colour":
            return raw
        case _:
            return raw.abs().amax(1, keepdim=True)
