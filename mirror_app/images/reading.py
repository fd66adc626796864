"""Reading the pixels of a Pillow image, possibly from an untrusted file: upright, in sRGB, on white."""

import struct

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from mirror_app.images import colour_profile

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
# What Pillow raises on damaged or malicious files.
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error)
_ROTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read(image: Image.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels of an image, uint8 (H, W, 3), upright, in sRGB and on white, with notes on what was converted.

    Only the first frame of an animation is read. Raises one of `BROKEN` for a file that cannot be read.
    """
    notes = []
    # A camera's JPEG with embedded previews ("MPO") is not an animation; `n_frames` would read all frames.
    if getattr(image, "is_animated", False) and image.format in FORMATS:
        notes.append("animated: the first frame is shown")
    image.load()
    try:
        rotation = _ROTATIONS.get(image.getexif().get(Base.Orientation, 1))
    except BROKEN:
        rotation = None
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
    colours = colours.convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        colours = Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha)
        notes.append("transparent parts are shown over white")
    return np.asarray(colours if rotation is None else colours.transpose(rotation)), tuple(notes)


def _alpha(image: Image.Image) -> Image.Image | None:
    if image.mode == "I;16":  # Pillow would compare clipped values with the transparent one
        return Image.fromarray(np.asarray(image) != image.info.get("transparency")).convert("L")
    transparent = "A" in image.getbands() or "transparency" in image.info
    return image.convert("RGBA").getchannel("A") if transparent else None


def _colours(image: Image.Image) -> Image.Image:
    """Return the image without alpha, in 8 bits, as L, RGB or CMYK."""
    if image.mode == "I;16":  # Pillow clips at 255, which would turn almost everything white
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image.info.pop("transparency", None)
    return image.convert({"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB"))


def printable(name: str) -> str:
    """Return `name` without control or direction characters, shortened to 60 characters."""
    name = "".join(filter(str.isprintable, name)).strip() or "picture"
    return name if len(name) <= 60 else f"{name[:40]}…{name[-19:]}"
