"""Damaged and hostile files cost nothing: each gives a picture or one sentence, quickly."""

import random
import struct
import time
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageCms

from mirror_app.decoding.reading import FORMATS
from mirror_app.errors import MirrorError
from mirror_app.images import MAX_BYTES, Picture, decode
from tests.images.files import ANIMATED, RGB, app1, bmp, chunk, jpeg_with, png, refuse, saved, with_checksums

# Pillow warns of broken Exif data and goes on; so does Mirror.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Damage


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(form: str, share: float) -> None:
    data = saved(RGB, form)
    refuse(data[: int(len(data) * share)])


@pytest.mark.parametrize("second", [b",", b",\0\0", b"," + bytes(9), b"!"])
def test_a_second_frame_cut_short_is_refused(second: bytes) -> None:
    refuse(saved(Image.new("P", (3, 3)), "GIF")[:-1] + second)


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
        refuse(broken)


@pytest.mark.parametrize("key", ["transparency", "bbox", "interlace", "icc_profile", "exif", "Raw profile type exif"])
@pytest.mark.parametrize("colour", [0, 2, 3])
def test_a_text_that_poses_as_a_property_of_the_picture(key: str, colour: int) -> None:
    text = chunk(b"tEXt", key.encode() + b"\0\nexif\n2\nzz")
    data = png(2, 1, 8, colour, b"\0\0\1\0\1\0\1"[: 7 if colour == 2 else 3], chunk(b"PLTE", b"abcdef") + text)
    if key in ("transparency", "bbox", "interlace"):
        refuse(data)
    else:
        assert len(decode(data, "x").notes) == 1


def test_a_palette_picture_without_its_palette_is_black() -> None:
    assert not decode(png(2, 1, 8, 3, b"\0\0\1"), "x").pixels.any()


def test_a_picture_without_pixels_is_refused() -> None:
    refuse(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)) + chunk(b"IEND", b""))


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
