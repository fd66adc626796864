"""Bands: the channels of an input that is neither grey nor red, green and blue, such as a satellite's.

Which of them are colours, and in what units each is, only their owner knows: none is taken for a colour unasked.
"""

from torch import Tensor

from mirror_app.precision import share_of, widened

Colours = tuple[int, int, int]


def are_bands(channels: int) -> bool:
    """Tell whether so many channels are bands."""
    return channels not in (1, 3)


def stretch_bands(inputs: Tensor) -> Tensor:
    """Return `inputs` (N, C, H, W) in [0, 1], each band of each item stretched to its own range."""
    inputs = widened(inputs)
    low, high = inputs.amin((2, 3), keepdim=True), inputs.amax((2, 3), keepdim=True)
    return share_of(inputs - low, high - low)


def to_rgb(inputs: Tensor, chosen: Colours | None = None) -> Tensor:
    """Return `inputs` (N, C, H, W) as pictures (N, 3, H, W) in [0, 1], of bands that are stretched each by itself.

    chosen: the bands to show as red, green and blue; without them, the mean of all is shown in grey.
    """
    bands = stretch_bands(inputs)
    return bands[:, list(chosen)] if chosen else bands.mean(1, keepdim=True).expand(-1, 3, -1, -1)
