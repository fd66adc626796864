"""Turns images (C, H, W) in [0, 1] into contact sheets, pixels and PNG files."""

import io

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.utils import make_grid

from mirror_app.images.pictures import to_pixels
from mirror_app.precision import widened


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps enlarged or reduced by bilinear interpolation between pixel centres.

    Args:
        maps: The maps, (N, h, w).
        size: The new height and width, (H, W).

    Returns:
        The maps, (N, H, W).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.resize(torch.tensor([[[0.0, 4.0]]]), (1, 4))
        tensor([[[0., 1., 3., 4.]]])
    """
    return F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False, antialias=False)[:, 0]


def grid(images: Tensor, columns: int) -> Tensor:
    """Return images side by side, without gaps.

    Args:
        images: The images, (N, C, H, W).
        columns: The number of images in a row. The last row is filled up with zeros.

    Returns:
        The sheet, (C, rows · H, columns · W).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.grid(torch.rand(5, 3, 10, 20), columns=3).shape
        torch.Size([3, 20, 60])
    """
    missing = max(0, columns - len(images))  # blank images, else a sheet of one row is narrower
    sheet = make_grid(F.pad(images, (0, 0, 0, 0, 0, 0, 0, missing)), nrow=columns, padding=0)
    return sheet[: images.shape[1]]  # `make_grid` turns one channel into three


def shrink(images: Tensor, longest: int) -> Tensor:
    """Return images reduced until no side is longer than `longest` pixels; smaller images keep their size.

    Args:
        images: The images, (N, C, H, W).
        longest: The greatest length of a side, in pixels.

    Returns:
        The images, (N, C, h, w), averaged over areas.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.shrink(torch.rand(2, 3, 40, 80), 40).shape
        torch.Size([2, 3, 20, 40])
    """
    height, width = images.shape[2:]
    scale = min(1, longest / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return images if scale == 1 else F.interpolate(images, size, mode="area")


def pixels(image: Tensor) -> np.ndarray:
    """Return an image as pixels.

    Args:
        image: The image, (3, H, W), in [0, 1].

    Returns:
        The pixels, uint8 (H, W, 3).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.pixels(torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1)).tolist()
        [[[255, 128, 0]]]
    """
    return to_pixels(widened(image))


def fade_outside(picture: np.ndarray, region: tuple[int, int, int, int]) -> np.ndarray:
    """Return a picture that is pale outside a region.

    Args:
        picture: The picture, uint8 (H, W, 3).
        region: The region (left, top, right, bottom), in pixels.

    Returns:
        The picture, uint8 (H, W, 3), unchanged inside the region.

    Example:
        >>> import numpy as np
        >>> from mirror_app import render
        >>> render.fade_outside(np.zeros((1, 3, 3), np.uint8), (0, 0, 2, 1))[0, :, 0].tolist()
        [0, 0, 102]
    """
    left, top, right, bottom = region
    faded = (picture * 0.35 + 255 * 0.4).astype(np.uint8)
    faded[top:bottom, left:right] = picture[top:bottom, left:right]
    return faded


def png(picture: np.ndarray) -> bytes:
    """Return pixels as a PNG file.

    Args:
        picture: The pixels, uint8 (H, W, 3).

    Returns:
        The file.

    Example:
        >>> import numpy as np
        >>> from mirror_app import render
        >>> render.png(np.zeros((4, 4, 3), np.uint8))[1:4]
        b'PNG'
    """
    file = io.BytesIO()
    # Higher levels take three times as long and save only a tenth of the bytes; a visitor waits for each picture.
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
