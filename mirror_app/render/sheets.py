"""From images (C, H, W) in [0, 1] to sheets, bytes and PNG files."""

import io

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from mirror_app.images.pictures import to_pixels
from mirror_app.precision import widened


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `maps` (N, h, w) enlarged or reduced to `size` (height, width), bilinear between pixel centres."""
    return F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False, antialias=False)[:, 0]


def grid(images: Tensor, columns: int) -> Tensor:
    """Return `images` (N, C, H, W) side by side, `columns` to a row, without gaps: (C, rows · H, columns · W)."""
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, rows * columns - count))
    sheet = images.reshape(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return sheet.reshape(channels, rows * height, columns * width)


def shrink(images: Tensor, longest: int) -> Tensor:
    """Return `images` (N, C, H, W) with no side longer than `longest`, averaged over areas; small ones as they are."""
    height, width = images.shape[2:]
    scale = min(1, longest / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return images if scale == 1 else F.interpolate(images, size, mode="area")


def pixels(image: Tensor) -> np.ndarray:
    """Return an image (3, H, W) in [0, 1] as bytes (H, W, 3)."""
    return to_pixels(widened(image))


def framed(picture: np.ndarray, region: tuple[int, int, int, int]) -> np.ndarray:
    """Return bytes (H, W, 3) that are pale outside of `region`: (left, top, right, bottom)."""
    left, top, right, bottom = region
    shown = (picture * 0.35 + 255 * 0.4).astype(np.uint8)
    shown[top:bottom, left:right] = picture[top:bottom, left:right]
    return shown


def png(picture: np.ndarray) -> bytes:
    """Return bytes (H, W, 3) as a PNG file."""
    file = io.BytesIO()
    # Higher levels take three times as long for a tenth fewer bytes of a photograph: a visitor waits for each picture.
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
