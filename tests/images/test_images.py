"""Files that people bring, honest and hostile: the right picture, or one sentence."""

import io
import random
import struct
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torchvision.transforms._presets import ImageClassification

from mirror_app.errors import MirrorError
from mirror_app.images import MAX_BYTES, MAX_PIXELS, Picture, Preprocessing, decode, from_array, from_image
from mirror_app.images.reading import FORMATS

RGB = np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8)
WHITE = "transparent parts are shown over white"
ANIMATED = "animated: the first frame is shown"
PRESET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

# Pillow warns of broken Exif data and goes on; so does Mirror.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def saved(pixels: np.ndarray | Image.Image, form: str, **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """Colour 0 is grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA; each row begins with a zero."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = header + before + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def with_checksums(data: bytes) -> bytes:
    """A PNG file whose damage lies behind right checksums, where a reader must look at it."""
    fixed, at = bytearray(data[:8]), 8
    while at + 12 <= len(data) and at + 12 + (size := int.from_bytes(data[at : at + 4], "big")) <= len(data):
        fixed += chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + size])
        at += 12 + size
    return bytes(fixed) + data[at:]


def bmp(width: int, height: int, bits: int, rle: int, body: bytes) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, rle, 0, 0, 0, 16, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 64) + header + bytes(range(64)) + body


def jpeg_with(segments: bytes) -> bytes:
    data = saved(RGB, "JPEG")
    return data[:2] + segments + data[2:]


def app1(exif: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif


def refused(data: bytes, name: str = "x.png") -> str:
    """The sentence of the refusal, which must name the file, the formats and the limits, on one line."""
    with pytest.raises(MirrorError) as caught:
        decode(data, name)
    sentence = str(caught.value)
    assert sentence.endswith("PNG, JPEG, WEBP, BMP or GIF, up to 10 MB and 25 million pixels.")
    assert sentence.count("\n") == 0
    assert sentence.startswith("'")
    return sentence


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
    assert refused(data).startswith("'x.png' is not a picture in a supported format: ")


@pytest.mark.parametrize("form", ["TIFF", "EPS", "PDF", "AVIF", "PPM", "ICO", "TGA"])
def test_other_formats_are_refused_whatever_the_name(form: str) -> None:
    assert refused(saved(RGB, form)).startswith("'x.png' is not a picture in a supported format: ")


def test_an_empty_file_is_refused() -> None:
    assert refused(b"").startswith("'x.png' is empty: ")


def test_bytes_are_limited_before_anything_is_read() -> None:
    data = saved(RGB, "PNG")
    at_the_limit = data + bytes(MAX_BYTES - len(data))
    np.testing.assert_array_equal(decode(at_the_limit, "x").pixels, RGB)
    assert refused(at_the_limit + b"\0").startswith("'x.png' is too large a file: ")


@pytest.mark.parametrize("side", [13370, 20000])
def test_pixels_are_limited_before_any_is_decoded(side: int) -> None:
    data = png(side, side, 8, 2, bytes(side * side * 3 + side)[: 10**7])
    start = time.thread_time()
    assert "pixels: use" in refused(data)
    assert time.thread_time() - start < 0.2


def test_the_largest_picture_and_one_row_more() -> None:
    height, width = 2500, MAX_PIXELS // 2500
    assert decode(png(width, height, 1, 0, bytes((width // 8 + 1) * height)), "x").pixels.shape == (
        height,
        width,
        3,
    )
    message = refused(png(width, height + 1, 1, 0, bytes((width // 8 + 1) * (height + 1))))
    assert message.startswith("'x.png' has 10000 x 2501 pixels: ")


@pytest.mark.parametrize("action", ["ignore", "always", "error"])
@pytest.mark.parametrize("side", [5001, 9500, 13370, 13378])  # below and above where Pillow warns, and where it raises
def test_the_limit_holds_whatever_the_process_does_with_warnings(side: int, action: Literal["ignore"]) -> None:
    frame = bytearray(saved(Image.fromarray(RGB).quantize(4), "GIF"))
    at = frame.index(b",", 13 + 12)
    frame[at + 5 : at + 9] = struct.pack("<HH", side, side)
    for data in (png(side, side, 8, 2, b""), bytes(frame)):
        with warnings.catch_warnings(action=action, record=True):
            assert "pixels: use" in refused(data)


def test_a_gif_frame_beyond_the_screen_counts() -> None:
    data = bytearray(saved(Image.fromarray(RGB).quantize(4), "GIF"))
    at = data.index(b",", 13 + 12)
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert "pixels: use" in refused(bytes(data))


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
    assert refused(b"", name).startswith(f"'{shown}' ")


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


# Damage


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(form: str, share: float) -> None:
    data = saved(RGB, form)
    refused(data[: int(len(data) * share)])


@pytest.mark.parametrize("second", [b",", b",\0\0", b"," + bytes(9), b"!"])
def test_a_second_frame_cut_short_is_refused(second: bytes) -> None:
    refused(saved(Image.new("P", (3, 3)), "GIF")[:-1] + second)


@pytest.mark.parametrize("kind", [b"IHDR", b"tEXt", b"IDAT", b"IEND"])
def test_a_wrong_checksum_is_refused(kind: bytes) -> None:
    data = png(2, 1, 8, 0, b"\0ab", chunk(b"tEXt", b"a\0b"))
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    broken = data[:end] + bytes([data[end] ^ 1]) + data[end + 1 :]
    assert decode(data, "x").pixels[0, :, 0].tolist() == [97, 98]
    if kind == b"IEND":  # nothing follows that could be wrong
        assert decode(broken, "x").pixels.shape == (1, 2, 3)
    else:
        refused(broken)


@pytest.mark.parametrize("key", ["transparency", "bbox", "interlace", "icc_profile", "exif", "Raw profile type exif"])
@pytest.mark.parametrize("colour", [0, 2, 3])
def test_a_text_that_poses_as_a_property_of_the_picture(key: str, colour: int) -> None:
    text = chunk(b"tEXt", key.encode() + b"\0\nexif\n2\nzz")
    data = png(2, 1, 8, colour, b"\0\0\1\0\1\0\1"[: 7 if colour == 2 else 3], chunk(b"PLTE", b"abcdef") + text)
    if key in ("transparency", "bbox", "interlace"):
        refused(data)
    else:
        assert len(decode(data, "x").notes) == 1


def test_a_palette_picture_without_its_palette_is_black() -> None:
    assert not decode(png(2, 1, 8, 3, b"\0\0\1"), "x").pixels.any()


def test_a_picture_without_pixels_is_refused() -> None:
    refused(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)) + chunk(b"IEND", b""))


def quickly(data: bytes, limit: float = 1.0) -> Picture | str:
    start = time.thread_time()
    try:
        return decode(data, "x")
    except MirrorError as error:
        return str(error)
    finally:
        assert time.thread_time() - start < limit


@pytest.mark.parametrize("place", ["before", "after"])
def test_very_many_texts_are_quick(place: str) -> None:
    texts = b"".join(chunk(b"tEXt", b"%d\0v" % number) for number in range(10**5))
    picture = quickly(png(2, 1, 8, 0, b"\0ab", **{place: texts}), 5)
    assert isinstance(picture, Picture)


@pytest.mark.parametrize("count", [1, 70])
def test_a_compressed_text_is_no_bomb(count: int) -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**8 if count == 1 else 10**6)))
    assert "damaged" in str(quickly(png(2, 1, 8, 0, b"\0ab", text * count)))


def test_very_many_scans_or_exif_blocks_are_refused() -> None:
    data = saved(np.zeros((8, 8, 3), np.uint8), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert isinstance(quickly(data[:-2] + scan * 50 + b"\xff\xd9"), Picture)
    assert "too many scans or Exif blocks" in str(quickly(data[:-2] + scan * 100 + b"\xff\xd9"))
    assert "too many scans or Exif blocks" in str(quickly(jpeg_with(app1(b"x") * 101)))


def test_run_lengths_that_jump_far_stay_small() -> None:
    picture = quickly(bmp(2_500_000, 1, 8, 1, b"\0\2\xff\xff" * 1000 + b"\0\1"), 5)
    assert isinstance(picture, Picture)


def first_frames(form: str) -> bytes:
    """A hundred thousand frames of one pixel, or six where they are short."""
    one = saved(np.full((1, 1, 3), 9, np.uint8), form, **({"lossless": True} if form == "WEBP" else {}))
    if form == "GIF":
        return one[:-1] + one[one.index(b",", 13 + 6) : -1] * 6 * 10**5 + b";"
    if form == "PNG":
        control = struct.pack(">IIIIHHBB", 1, 1, 0, 0, 1, 1, 0, 0)
        order = iter(range(2 * 10**5))
        head = chunk(b"acTL", struct.pack(">II", 10**5, 0)) + chunk(b"fcTL", struct.pack(">I", next(order)) + control)
        pixels = zlib.compress(b"\0abc")
        tail = b"".join(
            chunk(b"fcTL", struct.pack(">I", number) + control) + chunk(b"fdAT", struct.pack(">I", number + 1) + pixels)
            for number in range(next(order), 2 * 10**5 - 1, 2)
        )
        return png(1, 1, 8, 2, b"\0\t\t\t", head, tail)
    body = bytes(12) + b"\x32\0\0\0" + one[12:]
    frames = (b"ANMF" + struct.pack("<I", len(body)) + body) * 10**5
    head = b"VP8X" + struct.pack("<I", 10) + b"\2" + bytes(9) + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(head + frames) + 4) + b"WEBP" + head + frames


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_very_many_frames_the_first_is_shown(form: str) -> None:
    data = first_frames(form)
    assert len(data) < MAX_BYTES
    picture = quickly(data, 0.4 if form == "GIF" else 1)
    assert isinstance(picture, Picture)
    assert picture.pixels.tolist() == [[[9, 9, 9]]]
    assert picture.notes == (ANIMATED,)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_shown(form: str) -> None:
    options = {"WEBP": {"lossless": True}}.get(form, {})
    colours = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    picture = decode(saved(colours[0], form, save_all=True, append_images=colours[1:], **options), "x")
    assert (picture.pixels == (255, 0, 0)).all()
    assert picture.notes == (ANIMATED,)


def test_previews_in_a_camera_file_are_no_animation() -> None:
    small = Image.new("RGB", (8, 8))
    assert decode(saved(RGB, "MPO", save_all=True, append_images=[small]), "x").notes == ()


def honest_files() -> Iterator[tuple[str, bytes]]:
    rgb, exif = Image.fromarray(RGB), Image.Exif()
    exif[0x112] = 6
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rgba = Image.fromarray(np.dstack([RGB, RGB[..., 0]]))
    palette = rgb.quantize(16)
    for form in ("PNG", "JPEG", "WEBP"):
        yield form, saved(rgb, form, exif=exif, icc_profile=icc)
    yield "PNG-alpha", saved(rgba, "PNG")
    yield "PNG-palette", saved(palette, "PNG", transparency=bytes(range(0, 160, 10)))
    yield "PNG-animated", saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90), rgb.rotate(180)])
    yield "PNG-16", png(4, 2, 16, 0, (b"\0" + bytes(range(8))) * 2, chunk(b"tRNS", b"\0\1"))
    yield "JPEG-progressive", saved(rgb, "JPEG", progressive=True, exif=exif)
    yield "JPEG-CMYK", saved(rgb.convert("CMYK"), "JPEG")
    yield "JPEG-MPO", saved(rgb, "MPO", save_all=True, append_images=[rgb])
    yield "WEBP-animated", saved(rgb, "WEBP", save_all=True, append_images=[rgba])
    yield "BMP", saved(rgb, "BMP")
    yield "BMP-palette", saved(palette, "BMP")
    yield "BMP-runs", bmp(31, 9, 8, 1, b"\x14\3\0\x0bkkkkkkkkkkk\0\0\0" * 9 + b"\0\1")
    yield "GIF", saved(rgb, "GIF")
    yield (
        "GIF-animated",
        saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)], disposal=2, comment=b"a"),
    )


def mutated(data: bytes, dice: random.Random) -> bytes:
    bent = bytearray(data)
    for _ in range(dice.randint(1, 5)):
        at = dice.randrange(dice.choice([len(bent), min(len(bent), 200)]))
        match dice.randrange(6):
            case 0:
                bent[at] = dice.choice([0, 1, 127, 128, 255])
            case 1:
                bent[at] ^= 1 << dice.randrange(8)
            case 2:
                del bent[at + 1 : at + dice.choice([2, 20, len(bent)])]
            case 3:
                bent[at:at] = bent[dice.randrange(len(bent)) :][:40]
            case 4:
                bent[at : at + 4] = dice.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"])
            case 5:
                bent[at : at + 2] = dice.randbytes(2)
    return bytes(bent)


@pytest.mark.parametrize(("kind", "data"), [pytest.param(*item, id=item[0]) for item in honest_files()])
def test_of_a_mutated_file_comes_a_picture_or_a_sentence(kind: str, data: bytes) -> None:
    assert decode(data, "x").pixels.size
    dice, start, outcomes = random.Random(kind), time.thread_time(), set()
    for number in range(300):
        bent = mutated(data, dice)
        try:
            outcomes.add(decode(with_checksums(bent) if kind.startswith("PNG") and number % 5 else bent, "x").name)
        except MirrorError:
            outcomes.add("refused")
    assert "refused" in outcomes
    assert time.thread_time() - start < 60


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


# Arrays


def test_arrays_are_taken_as_they_are_and_kept_apart() -> None:
    source = RGB.copy()
    picture = from_array(source, "mine")
    source[:] = 0
    np.testing.assert_array_equal(picture.pixels, RGB)
    np.testing.assert_array_equal(from_array(RGB[..., 1], "grey").pixels, np.stack([RGB[..., 1]] * 3, 2))
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0] = 0


@pytest.mark.parametrize(
    "array",
    [
        RGB / 255,
        RGB.astype(np.int64),
        RGB[..., :2],
        RGB[0, 0],
        RGB[None],
        np.zeros((0, 4, 3), np.uint8),
        RGB > 9,
    ],
    ids="float int64 two-channels row batch empty bool".split(),
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(
        MirrorError, match=r"^'mine' is a .* array of shape .*\. Expected uint8 \(H, W, 3\) or \(H, W\)\.$"
    ):
        from_array(array, "mine")


# Preparation

SIDES = [(97, 311), (311, 97), (128, 128), (1, 1), (2, 2), (40, 799), (640, 480), (5, 100)]


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize(("resize", "size"), [(256, 224), (128, 128), (32, 64)])
def test_inputs_equal_the_presets_of_torchvision_to_the_bit(sides: tuple[int, int], resize: int, size: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*sides, 3)).astype(np.uint8)
    preset = ImageClassification(crop_size=size, resize_size=resize, **PRESET)
    ours = Preprocessing(size, resize, **PRESET).prepare(from_array(pixels, "x"))
    assert ours.shape == (1, 3, size, size)
    assert ours.dtype == torch.float32
    assert torch.equal(ours[0], preset(Image.fromarray(pixels)))


def test_overlays_lie_on_what_the_model_sees() -> None:
    preprocessing = Preprocessing((48, 80), 96, **PRESET)
    picture = from_array(np.random.default_rng(3).integers(0, 256, (97, 311, 3)).astype(np.uint8), "x")
    seen = preprocessing.model_input_rgb(picture)
    assert seen.shape == (48, 80, 3)
    assert seen.dtype == np.uint8
    undone = preprocessing.undo(preprocessing.prepare(picture))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(undone, seen / 255, atol=1e-6)


def test_undo_stays_in_range_and_serves_batches() -> None:
    inputs = torch.linspace(-9, 9, 2 * 3 * 4 * 5, dtype=torch.float64).reshape(2, 3, 4, 5)
    undone = Preprocessing(8, 8, **PRESET).undo(inputs)
    mean, std = (torch.tensor(PRESET[key], dtype=torch.float64).view(3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(undone, (inputs * std + mean).clamp(0, 1))
    assert (undone.min().item(), undone.max().item()) == (0, 1)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_than_three(channels: int) -> None:
    preprocessing = Preprocessing(24, 24, (0.5,) * channels, (0.25,) * channels)
    inputs = preprocessing.prepare(from_array(RGB[:, :24], "x"))
    assert inputs.shape == (1, channels, 24, 24)
    values = preprocessing.undo(inputs)[0]
    if channels == 1:
        luma = torch.tensor(RGB[:, :24] @ np.array([0.299, 0.587, 0.114]) / 255)
        torch.testing.assert_close(values[0].double(), luma, atol=0.5 / 255 + 1e-6, rtol=0)
    else:
        assert (values[3] == 1).all()
        np.testing.assert_allclose(values[:3].permute(1, 2, 0), RGB[:, :24] / 255, atol=1e-6)


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.5,) * 3), ((), ())])
def test_a_mean_and_a_deviation_for_each_channel_are_needed(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(MirrorError, match="one value per channel"):
        Preprocessing(8, 8, mean, std)


def test_no_picture_becomes_an_input_of_bands() -> None:
    with pytest.raises(MirrorError, match="'x' is an RGB picture, but the model takes 5 bands"):
        Preprocessing(8, 8, (0.5,) * 5, (0.5,) * 5).prepare(from_array(RGB, "x"))


@pytest.mark.parametrize("sides", [(1, 60000), (60000, 1), (3, 40001)])
def test_of_a_very_long_picture_the_middle_is_seen_at_once(sides: tuple[int, int]) -> None:
    pixels = np.zeros((*sides, 3), np.uint8)
    longer = int(sides[1] > sides[0])
    index = [slice(None), slice(None)]
    index[longer] = slice(max(sides) // 2, None)
    pixels[tuple(index)] = 255
    start = time.thread_time()
    picture = decode(saved(pixels, "PNG"), "x")
    seen = Preprocessing(128, 128, **PRESET).model_input_rgb(picture)
    assert time.thread_time() - start < 1
    assert seen.shape == (128, 128, 3)
    quarters = seen.mean((1 - longer, 2)).reshape(4, 32).mean(1)
    assert quarters[0] < quarters[3]
    assert seen.mean() == pytest.approx(127.5, abs=64)


@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_picture_stays_constant(value: int) -> None:
    preprocessing = Preprocessing(32, 48, **PRESET)
    inputs = preprocessing.prepare(from_array(np.full((97, 311), value, np.uint8), "x"))
    assert inputs.isfinite().all()
    assert (inputs == inputs[..., :1, :1]).all()
    assert (preprocessing.undo(inputs) - value / 255).abs().max() < 1e-6
