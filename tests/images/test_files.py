"""Which files are read, which are refused, and what a picture is called."""

import random
import struct
import time
import warnings
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from mirror_app.decoding.reading import FORMATS
from mirror_app.images import MAX_BYTES, MAX_PIXELS, decode, from_array
from tests.images.files import RGB, png, refuse, saved

# Pillow warns of broken Exif data and goes on; so does Mirror.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Files


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_gives_its_pixels(form: str) -> None:
    lossless = {"WEBP": {"lossless": True}}.get(form, {})
    source = Image.fromarray(RGB).quantize(256) if form == "GIF" else Image.fromarray(RGB)
    picture = decode(saved(source, form, **lossless), "x")
    assert picture.pixels.dtype == np.uint8
    assert not picture.pixels.flags.writeable
    assert picture.notes == ()
    if form == "JPEG":
        smooth = np.tile(np.arange(32, 224, 6, dtype=np.uint8)[:, None, None], (1, 32, 3))
        assert np.abs(decode(saved(smooth, form), "x").pixels.astype(int) - smooth).max() <= 2
    else:
        np.testing.assert_array_equal(picture.pixels, np.asarray(source.convert("RGB")))


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        random.Random(0).randbytes(2**20),
        b"<!doctype html><p>no picture</p>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"%PDF-1.7\n",
        b"PK\3\4" + bytes(100),
        b"7z\xbc\xaf\x27\x1c" + bytes(100),
        bytes(257) + b"ustar" + bytes(500),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\xff\x0a" + bytes(50),
    ],
    ids="byte noise html svg eps pdf zip 7z tar heic jxl".split(),
)
def test_no_picture_is_refused(data: bytes) -> None:
    refuse(data, "supported format")


@pytest.mark.parametrize("form", ["TIFF", "EPS", "PDF", "AVIF", "PPM", "ICO", "TGA"])
def test_other_formats_are_refused_whatever_the_name(form: str) -> None:
    refuse(saved(RGB, form), "supported format")


def test_an_empty_file_is_refused() -> None:
    refuse(b"", "empty")


def test_bytes_are_limited_before_anything_is_read() -> None:
    data = saved(RGB, "PNG")
    at_the_limit = data + bytes(MAX_BYTES - len(data))
    np.testing.assert_array_equal(decode(at_the_limit, "x").pixels, RGB)
    refuse(at_the_limit + b"\0", "too large")


@pytest.mark.parametrize("side", [13370, 20000])
def test_pixels_are_limited_before_any_is_decoded(side: int) -> None:
    data = png(side, side, 8, 2, bytes(side * side * 3 + side)[: 10**7])
    start = time.thread_time()
    refuse(data, "pixels")
    assert time.thread_time() - start < 0.2


def test_the_largest_picture_and_one_row_more() -> None:
    height, width = 2500, MAX_PIXELS // 2500
    assert decode(png(width, height, 1, 0, bytes((width // 8 + 1) * height)), "x").pixels.shape == (
        height,
        width,
        3,
    )
    refuse(png(width, height + 1, 1, 0, bytes((width // 8 + 1) * (height + 1))), "10000 x 2501 pixels")


@pytest.mark.parametrize("action", ["ignore", "always", "error"])
@pytest.mark.parametrize("side", [5001, 9500, 13370, 13378])  # below and above where Pillow warns, and where it raises
def test_the_limit_holds_whatever_the_process_does_with_warnings(side: int, action: Literal["ignore"]) -> None:
    frame = bytearray(saved(Image.fromarray(RGB).quantize(4), "GIF"))
    at = frame.index(b",", 13 + 12)
    frame[at + 5 : at + 9] = struct.pack("<HH", side, side)
    for data in (png(side, side, 8, 2, b""), bytes(frame)):
        with warnings.catch_warnings(action=action, record=True):
            refuse(data, "pixels")


def test_a_gif_frame_beyond_the_screen_counts() -> None:
    data = bytearray(saved(Image.fromarray(RGB).quantize(4), "GIF"))
    at = data.index(b",", 13 + 12)
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    refuse(bytes(data), "pixels")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../x.png", "../../x.png"),
        ("a\0b\x1b[31m\n.png", "ab[31m.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\u2066x\u2069.png", "x.png"),
        ("🐈.png", "🐈.png"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("a" * 300 + ".png", "a" * 40 + "…" + "a" * 15 + ".png"),
        ("\u200f\n", "picture"),
        ("", "picture"),
    ],
)
def test_names_are_fit_to_be_shown(name: str, shown: str) -> None:
    assert decode(saved(RGB, "PNG"), name).name == shown
    refuse(b"", "empty", name, shown)


def test_html_behind_a_picture_is_left_behind() -> None:
    np.testing.assert_array_equal(decode(saved(RGB, "PNG") + b"<script>", "x").pixels, RGB)


def test_the_identity_is_that_of_the_pixels() -> None:
    first, second = decode(saved(RGB, "PNG"), "a"), decode(saved(RGB, "BMP"), "b")
    assert first.id == second.id == from_array(RGB, "c").id
    assert len(first.id) == 40
    other = RGB.copy()
    other[0, 0, 0] ^= 1
    turned = np.ascontiguousarray(RGB.reshape(31, 24, 3))
    assert len({first.id, from_array(other, "a").id, from_array(turned, "a").id}) == 3
    assert from_array(RGB, "a", "shapes-1").id == "shapes-1"
