"""Bands: the channels of an input that is neither grey nor RGB, such as a satellite image.

Only the owner of the data knows which bands are colours and what their units are, so Mirror takes no band for a colour
unless the user chooses it.
"""

from torch import Tensor

from mirror_app.precision import share_of, widened

Colours = tuple[int, int, int]  # the bands shown as red, green and blue


def are_bands(channels: int) -> bool:
    """Tell whether an input with this number of channels consists of bands."""
    return channels not in (1, 3)


def stretch_bands(inputs: Tensor) -> Tensor:
    """Return `inputs` (N, C, H, W) in [0, 1], each band of each item stretched to its own range."""
    inputs = widened(inputs)
    low, high = inputs.amin((2, 3), keepdim=True), inputs.amax((2, 3), keepdim=True)
    return share_of(inputs - low, high - low)


def to_rgb(inputs: Tensor, rgb_bands: Colours | None = None) -> Tensor:
    """Return `inputs` (N, C, H, W) as RGB pictures (N, 3, H, W) in [0, 1], each band stretched to its own range.

    Args:
        inputs: The bands, in any units.
        rgb_bands: The bands shown as red, green and blue; None shows the mean of all bands in grey.
    """
    bands = stretch_bands(inputs)
    return bands[:, list(rgb_bands)] if rgb_bands else bands.mean(1, keepdim=True).expand(-1, 3, -1, -1)
