"""Every Exif orientation comes out upright."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from mirror_app.images import decode
from tests.images.files import RGB, app1, jpeg_with, saved

# Pillow warns of broken Exif data and goes on; so does Mirror.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Orientation

# What a camera must have stored for each orientation, so that turning gives the upright picture.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda up: up,
    2: lambda up: up[:, ::-1],
    3: lambda up: up[::-1, ::-1],
    4: lambda up: up[::-1],
    5: lambda up: up.swapaxes(0, 1),
    6: lambda up: np.rot90(up),
    7: lambda up: np.rot90(up, 2).swapaxes(0, 1),
    8: lambda up: np.rot90(up, -1),
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_comes_out_upright(form: str, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16], upright[16:, 32:], upright[:16, 32:] = 250, 120, 60
    exif = Image.Exif()
    exif[0x112] = orientation
    options: dict[str, Any] = {"quality": 100, "lossless": True} if form != "PNG" else {}
    stored = np.ascontiguousarray(STORED[orientation](upright))
    picture = decode(saved(stored, form, exif=exif, **options), "x")
    assert picture.pixels.shape == upright.shape
    assert np.abs(picture.pixels.astype(int) - upright).max() <= 2


ORIENTED = b"MM\0*\0\0\0\x08"


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"MM",
        b"MM\0*",
        b"garbage garbage",
        ORIENTED,
        ORIENTED[:4] + b"\xff\xff\xff\xff",
        ORIENTED + b"\xff\xff" + bytes(7),
        ORIENTED + b"\0\1\1\x12\0\3\xff\xff\xff\xff\0\6\0\0",
        ORIENTED + b"\0\1\1\x12\0\3\0\0\0\1\0\x63\0\0" + bytes(4),
        ORIENTED + b"\0\1\1\x12\0\5\0\0\0\1\0\0\0\0" + bytes(4),
        ORIENTED + b"\0\1\1\x12\0\2\0\0\0\3abc\0" + bytes(4),
    ],
)
def test_broken_exif_data_leave_the_picture_as_stored(exif: bytes) -> None:
    picture = decode(jpeg_with(app1(exif)), "x")
    np.testing.assert_array_equal(picture.pixels, decode(saved(RGB, "JPEG"), "x").pixels)
    assert picture.notes in ((), ("its Exif data cannot be read: shown as stored",))


def test_a_picture_is_turned_though_another_part_of_its_exif_data_is_damaged() -> None:
    turned, text_as_number = b"\1\x12\0\3\0\0\0\1\0\6\0\0", b"\1\x3d\0\2\0\0\0\4abc\0"
    data = jpeg_with(app1(ORIENTED + b"\0\2" + turned + text_as_number + bytes(4)))
    with Image.open(io.BytesIO(data)) as image, pytest.raises(struct.error):
        ImageOps.exif_transpose(image)  # it writes the other Exif data anew
    picture = decode(data, "x")
    np.testing.assert_array_equal(picture.pixels, np.rot90(decode(saved(RGB, "JPEG"), "x").pixels, -1))
    assert picture.notes == ()
