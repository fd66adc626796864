"""A signed gradient as pictures."""

from typing import Annotated

import torch
from torch import Tensor

from mirror_app.params import Radio, Slider, Value
from mirror_app.render.colormaps import colourise
from mirror_app.render.looks.look import look
from mirror_app.render.scale import percentile_peak, scale_by_percentile, scale_by_vmax


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


def _vmax(raw: Tensor, _picture: Tensor, *, show: str, contrast: float) -> float:
    return float(percentile_peak(gradient_part(raw, show), contrast).max())


def _hint(*, show: str, **_unused: Value) -> str:
    return "Grey is zero." if show == "colour" else ""


@look(vmax=_vmax, hint=_hint, is_evidence=True)
def gradient(
    raw: Tensor,
    picture: Tensor,
    *,
    show: Annotated[
        str,
        Radio(
            "Grey: the largest magnitude at each pixel. Colour: the signed value of each colour channel, with grey for "
            "zero. Positive or negative: values of that sign only. Over the picture: the magnitude, drawn over the "
            "picture.",
            options=("grey", "colour", "positive", "negative", "over the picture"),
        ),
    ] = "grey",
    contrast: Annotated[
        float,
        Slider(
            "The percentage of pixels that are shown at full brightness, starting with the strongest.",
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
        show: "grey" shows the largest magnitude over the channels at each pixel. "colour" shows the signed numbers of
            all channels, with medium grey for zero. "positive" and "negative" show the numbers of one sign. "over the
            picture" shows the magnitudes of "grey" in colours over the picture.
        contrast: The percentage of numbers that are shown at full brightness, starting with the strongest; 0 to 5.
        vmax: The magnitude shown at full brightness; by default, the magnitude that `contrast` percent of an item's
            numbers exceed.

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
