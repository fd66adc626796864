"""Pixels as they are, and signed numbers as pixels."""

from torch import Tensor

from mirror_app.render.looks.look import look
from mirror_app.render.scale import scale_by_vmax


@look(shows_rgb=True)
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


def signed_picture(raw: Tensor, vmax: float | None = None) -> Tensor:
    """Return signed numbers as a picture in which medium grey is zero.

    Args:
        raw: The numbers, (N, C, H, W).
        vmax: The magnitude shown in full colour. By default, each item is scaled by its largest magnitude over all
            channels.

    Returns:
        The picture, (N, C, H, W), in [0, 1].

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.signed_picture(torch.tensor([2.0, -1.0, 0.0]).view(1, 3, 1, 1)).flatten()
        tensor([1.0000, 0.2500, 0.5000])
    """
    return scale_by_vmax(raw, vmax) / 2 + 0.5
