"""The colour profile that a picture brings: what its numbers mean as light, by the standard of the ICC."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageCms

ROUNDING = 1  # of 255: one profile of sRGB is not quite like another


def to_srgb(colours: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture in L, RGB or CMYK, whose numbers mean what `profile` says, as RGB in sRGB.

    Raises what Pillow does for a profile that cannot be read, or is not one of such colours.
    """
    source = _read(profile)
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    if colours.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
        colours = colours.convert("RGB")
    return ImageCms.ImageCmsTransform(source, target, colours.mode, "RGB").apply(colours)


def name_of(profile: bytes) -> str:
    """Return what a profile is called by whoever made it."""
    return _read(profile).profile.profile_description or "unnamed"


def is_different(one: Image.Image, other: Image.Image) -> bool:
    """Tell whether two RGB pictures of one size differ by more than rounding."""
    return bool(np.asarray(ImageChops.difference(one, other)).max() > ROUNDING)


def _read(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))
