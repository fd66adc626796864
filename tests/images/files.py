"""Image files written byte by byte, for tests of what is read."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from mirror_app.images import decode
from tests.refused import refused

RGB = np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8)
WHITE = "transparent parts are shown over white"
ANIMATED = "animated: the first frame is shown"
PRESET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


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


def refuse(data: bytes, problem: str = "", name: str = "x.png", culprit: str = "x.png") -> None:
    """Expect that the file is refused, with its name, the formats and the limits; `problem` is a part of the reason."""
    with refused(culprit, "PNG, JPEG, WEBP, BMP or GIF, up to 10 MB and 25 million pixels", "PNG, JPEG", problem):
        decode(data, name)
