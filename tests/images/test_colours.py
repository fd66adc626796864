"""Depth, transparency, inks and colour profiles become sRGB."""

import io
import struct
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageCms

from mirror_app.images import decode, from_image
from tests.images.files import RGB, WHITE, chunk, png, saved

# Pillow warns of broken Exif data and goes on; so does Mirror.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Depth, transparency, colour


def test_sixteen_bits_become_eight() -> None:
    ramp = np.arange(256, dtype=np.uint16) * 257
    rows = b"\0" + ramp.astype(">u2").tobytes()
    assert (decode(png(256, 1, 16, 0, rows), "x").pixels[0] == np.arange(256)[:, None]).all()
    bytes_apart = (np.arange(256) * 256 + np.arange(256)[::-1]).astype(">u2").tobytes()
    assert (decode(png(256, 1, 16, 0, b"\0" + bytes_apart), "x").pixels[0] == np.arange(256)[:, None]).all()
    colours = b"\0" + np.stack([ramp, ramp[::-1], ramp], 1).astype(">u2").tobytes()
    pixels = decode(png(256, 1, 16, 2, colours), "x").pixels[0]
    np.testing.assert_array_equal(pixels, np.stack([np.arange(256), np.arange(256)[::-1], np.arange(256)], 1))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_few_bits_of_grey_span_black_to_white(bits: int) -> None:
    levels = 2**bits
    row = int("".join(f"{level:0{bits}b}" for level in range(levels)), 2).to_bytes(max(1, levels * bits // 8), "big")
    row = bytes([row[0] << 6]) if bits == 1 else row
    pixels = decode(png(levels, 1, bits, 0, b"\0" + row), "x").pixels
    assert (pixels[0] == np.linspace(0, 255, levels)[:, None]).all()


def test_grey_is_grey() -> None:
    grey = RGB[..., 0]
    np.testing.assert_array_equal(decode(saved(grey, "PNG"), "x").pixels, np.stack([grey] * 3, 2))


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


def transparent() -> Iterator[tuple[str, bytes, np.ndarray]]:
    """Files of one row with the colours that must come out."""
    row, alpha = RGB[:1, :3], np.array([[0, 100, 255]], np.uint8)
    grey = np.repeat(row[..., :1], 3, axis=2)
    key = chunk(b"tRNS", b"".join(bytes([0, value]) for value in row[0, 1]))
    keyed = np.array([[255, 0, 255]])
    palette = chunk(b"PLTE", row.tobytes())
    deep = (row[..., 0].astype(np.uint16) * 257).astype(">u2").tobytes()
    rgba = np.dstack([row, alpha])
    yield "RGBA", saved(rgba, "PNG"), over_white(row, alpha)
    yield "RGBA-webp", saved(rgba, "WEBP", lossless=True, exact=True), over_white(row, alpha)
    yield "LA", saved(np.dstack([row[..., 0], alpha]), "PNG"), over_white(grey, alpha)
    yield (
        "palette",
        png(3, 1, 8, 3, b"\0\0\1\2", palette + chunk(b"tRNS", bytes(alpha[0]))),
        over_white(row, alpha),
    )
    yield (
        "palette-one",
        png(3, 1, 8, 3, b"\0\0\1\2", palette + chunk(b"tRNS", b"\xff\0")),
        over_white(row, keyed),
    )
    yield "RGB-key", png(3, 1, 8, 2, b"\0" + row.tobytes(), key), over_white(row, keyed)
    grey_key = chunk(b"tRNS", bytes([0, row[0, 1, 0]]))
    yield "L-key", png(3, 1, 8, 0, b"\0" + row[..., 0].tobytes(), grey_key), over_white(grey, keyed)
    deep_key = chunk(b"tRNS", deep[2:4])
    yield "I;16-key", png(3, 1, 16, 0, b"\0" + deep, deep_key), over_white(grey, keyed)
    indices = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    indices.putpalette(row.tobytes())
    yield "GIF", saved(indices, "GIF", transparency=1), over_white(row, keyed)


@pytest.mark.parametrize(("data", "expected"), [pytest.param(*item[1:], id=item[0]) for item in transparent()])
def test_transparent_parts_are_white(data: bytes, expected: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = decode(data, "x")
    assert np.abs(picture.pixels - expected).max() <= 1
    assert picture.notes == (WHITE,)


def test_what_is_wholly_transparent_is_white_and_what_is_opaque_goes_unremarked() -> None:
    clear = decode(saved(np.dstack([RGB, np.zeros_like(RGB[..., 0])]), "PNG"), "x")
    assert (clear.pixels == 255).all()
    opaque = decode(saved(np.dstack([RGB, np.full_like(RGB[..., 0], 255)]), "PNG"), "x")
    np.testing.assert_array_equal(opaque.pixels, RGB)
    assert (clear.notes, opaque.notes) == ((WHITE,), ())


@pytest.mark.parametrize("transform", [0, 2], ids=["CMYK", "YCCK"])
def test_inks_come_out_as_colours(transform: int) -> None:
    """Red, as Adobe's files hold it: the inks (0, 255, 255, 0) inverted, then as YCbCr if the mark is 2."""
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    if transform == 2:  # a writer turns 255 - C, M, Y to YCbCr: of inverted inks these are the inks themselves
        ycc = Image.new("RGB", (16, 16), (0, 255, 255)).convert("YCbCr")
        inks = [band.point(lambda value: 255 - value) for band in ycc.split()]  # Pillow inverts as it saves
        red = Image.merge("CMYK", [*inks, Image.new("L", (16, 16))])
    data = saved(red, "JPEG", quality=100)
    at = data.index(b"Adobe")
    data = data[: at + 11] + bytes([transform]) + data[at + 12 :]
    assert np.abs(decode(data, "x").pixels.astype(int) - (255, 0, 0)).max() <= 3


def linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values: np.ndarray) -> np.ndarray:
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


# From each space's linear RGB to XYZ under D50: the columns of its profile.
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def profile(columns: np.ndarray, curve: bytes = b"") -> bytes:
    """An sRGB profile given other primaries, and another curve if `curve` is the body of one."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(int.from_bytes(data[128:132], "big")):
        at = 132 + 12 * index
        tag, place, size = struct.unpack(">4sII", data[at : at + 12])
        if tag in (b"rXYZ", b"gXYZ", b"bXYZ"):
            column = columns[:, b"rgb".index(tag[0])]
            data[place + 8 : place + 20] = struct.pack(">3i", *np.round(column * 65536).astype(int))
        elif tag in (b"rTRC", b"gTRC", b"bTRC") and curve:
            assert len(curve) <= size
            data[place : place + len(curve)] = curve
    return bytes(data)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("space", ["P3", "Adobe"])
def test_colours_of_a_wider_space_become_srgb(form: str, space: str) -> None:
    colours = np.random.default_rng(1).integers(60, 200, (8, 8, 3)).astype(np.uint8)
    if space == "P3":
        icc, light, columns = profile(P3), linear(colours / 255), P3
    else:
        gamma = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.19921875 * 256))
        icc, light, columns = profile(ADOBE, gamma), (colours / 255) ** 2.19921875, ADOBE
    expected = encoded(light @ (np.linalg.inv(SRGB) @ columns).T) * 255
    picture = decode(saved(colours, form, icc_profile=icc, **({"lossless": True} if form == "WEBP" else {})), "x")
    assert np.abs(picture.pixels - expected).max() <= 2
    assert np.abs(colours - expected).max() > 10
    (note,) = picture.notes
    assert "was converted to sRGB: the values differ from those of torchvision's preprocessing" in note
    with Image.open(io.BytesIO(saved(colours, form, icc_profile=icc))) as image:
        assert from_image(image, "x").notes == (note,)


def test_a_profile_that_changes_nothing_is_not_worth_a_word() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = decode(saved(RGB, "PNG", icc_profile=srgb), "x")
    assert picture.notes == ()
    assert np.abs(picture.pixels.astype(int) - RGB).max() <= 1
    assert decode(saved(np.full((4, 4, 3), 255, np.uint8), "PNG", icc_profile=profile(P3)), "x").notes == ()


def test_a_profile_is_called_by_its_name_however_odd_that_is() -> None:
    # The name as the profile holds it: UTF-16, of which the first two letters become an end of line and a bell.
    assert "its colour profile (GB built-in)" in _note_of(profile(P3).replace("sR".encode("utf-16-be"), b"\0\n\0\a"))
    assert "its colour profile (sRGB built-in)" in _note_of(profile(P3))


def _note_of(icc: bytes) -> str:
    (note,) = decode(saved(RGB, "PNG", icc_profile=icc), "x").notes
    return note


def test_a_profile_keeps_transparency_and_serves_grey() -> None:
    colours, alpha = RGB[:1, :3], np.array([[0, 255, 0]], np.uint8)
    picture = decode(saved(np.dstack([colours, alpha]), "PNG", icc_profile=profile(P3)), "x")
    plain = decode(saved(colours, "PNG", icc_profile=profile(P3)), "x")
    assert (picture.pixels[0, [0, 2]] == 255).all()
    np.testing.assert_array_equal(picture.pixels[0, 1], plain.pixels[0, 1])
    grey = decode(saved(RGB[..., 0], "PNG", icc_profile=profile(P3)), "x")
    assert np.abs(grey.pixels.astype(int) - RGB[..., :1]).max() <= 1
    assert grey.notes == ()  # grey is grey in every space with the same curve


@pytest.mark.parametrize("broken", [b"no profile", profile(P3)[:200], profile(P3).replace(b"RGB ", b"CMYK")])
def test_a_profile_that_cannot_be_used_is_remarked(broken: bytes) -> None:
    picture = decode(saved(RGB, "PNG", icc_profile=broken), "x")
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.notes == ("its colour profile cannot be used: colours are taken as sRGB",)
