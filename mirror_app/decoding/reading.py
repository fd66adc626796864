"""Reading the pixels of a Pillow image, possibly from an untrusted file: upright, in sRGB, on white."""

import struct

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from mirror_app.decoding import colour_profile

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
# The errors that Pillow raises on damaged or malicious files.
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error)


def read(image: Image.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels of an image, uint8 (H, W, 3), upright, in sRGB and on white, and notes on the conversions.

    Only the first frame of an animation is read. Raises one of `BROKEN` for a file that cannot be read.
    """
    notes = []
    # A camera's JPEG with embedded previews is not an animation; its format is "MPO". `n_frames` would read all frames,
    # so it is not used.
    if getattr(image, "is_animated", False) and image.format in FORMATS:
        notes.append("animated: the first frame is shown")
    image.load()
    try:
        _turn_upright(image)
    except BROKEN:
        notes.append("its Exif data cannot be read: shown as stored")
    alpha = _alpha(image)
    colours = _colours(image)
    if profile := image.info.get("icc_profile"):
        try:
            converted = colour_profile.to_srgb(colours, profile)
        except BROKEN:
            notes.append("its colour profile cannot be used: colours are taken as sRGB")
        else:
            if colour_profile.is_different(converted, colours.convert("RGB")):
                name = printable(colour_profile.name_of(profile))
                notes.append(
                    f"its colour profile ({name}) was converted to sRGB: the values differ from those of torchvision's "
                    "preprocessing, which ignores profiles"
                )
            colours = converted
    colours = _in_mode(colours, "RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        colours = Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha)
        notes.append("transparent parts are shown over white")
    return np.asarray(colours), tuple(notes)


def _turn_upright(image: Image.Image) -> None:
    """Turn an image as its Exif data say; raise one of `BROKEN` if they cannot be read."""
    image.getexif().get(Base.Orientation)
    # Remove the raw Exif data: Pillow would rewrite them, which fails if any part of them is damaged.
    for source in ("exif", "Raw profile type exif"):
        image.info.pop(source, None)
    ImageOps.exif_transpose(image, in_place=True)


def _alpha(image: Image.Image) -> Image.Image | None:
    if image.mode == "I;16":  # Pillow would compare clipped values with the transparent value
        return Image.fromarray(np.asarray(image) != image.info.get("transparency")).convert("L")
    transparent = "A" in image.getbands() or "transparency" in image.info
    return image.convert("RGBA").getchannel("A") if transparent else None


def _colours(image: Image.Image) -> Image.Image:
    """Return the image without alpha, in 8 bits, as L, RGB or CMYK."""
    if image.mode == "I;16":  # Pillow clips at 255, which would turn almost everything white
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image.info.pop("transparency", None)
    return _in_mode(image, {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB"))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return the image in a mode; if it has that mode already, the image itself, since a copy takes memory."""
    return image if image.mode == mode else image.convert(mode)


def printable(name: str) -> str:
    """Return `name` without control or direction characters, shortened to 60 characters."""
    name = "".join(filter(str.isprintable, name)).strip() or "picture"
    return name if len(name) <= 60 else f"{name[:40]}…{name[-19:]}"
