"""Picture files: checked, then read."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from mirror_app.decoding.reading import BROKEN, FORMATS, read

MAX_BYTES = 10 * 2**20
MAX_PIXELS = 25_000_000
# Each scan of a JPEG costs a pass over all pixels, and each Exif block a copy of the blocks before it. A camera writes
# about ten scans and one block; a file of 10 MB full of scans or blocks would take an hour.
_MAX_MARKERS = 100

Decoded = tuple[np.ndarray, tuple[str, ...]]  # the pixels, uint8 (H, W, 3), and notes on the conversions


class UnreadableError(Exception):
    """A file cannot be read; the message is the end of a sentence whose subject is the file."""


def read_file(data: bytes, max_pixels: int = MAX_PIXELS) -> Decoded:
    """Return the pixels of a picture file and notes on the conversions; raise UnreadableError if it is refused.

    A file may have at most `MAX_BYTES` bytes and `max_pixels` pixels.
    """
    if not data:
        raise UnreadableError("is empty")
    if len(data) > MAX_BYTES:
        raise UnreadableError("is too large")
    if data.startswith(b"\xff\xd8") and max(map(data.count, (b"\xff\xda", b"Exif\0\0"))) > _MAX_MARKERS:
        raise UnreadableError("has too many scans or Exif blocks")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        # Pillow's own limit is higher, and up to twice that limit it only warns.
        if image.width * image.height > max_pixels:
            raise UnreadableError(f"has {image.width} x {image.height} pixels")
        if image.format == "PNG":
            image.verify()  # checks the checksums, which are ignored when the pixels are read
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        return read(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableError("has too many pixels") from error
    except UnidentifiedImageError as error:
        raise UnreadableError("is not a picture in a supported format") from error
    except BROKEN as error:
        raise UnreadableError("is damaged or cut short") from error
