"""ICC colour profiles embedded in pictures: conversion to sRGB."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageCms

ROUNDING = 1  # in steps of 1/255: sRGB profiles by different vendors differ by this much


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert an L, RGB or CMYK image from the colour space of `profile` to RGB in sRGB.

    Raises an error of Pillow if the profile cannot be read or describes another kind of colours.
    """
    source = _read(profile)
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
        image = image.convert("RGB")
    return ImageCms.ImageCmsTransform(source, target, image.mode, "RGB").apply(image)


def name_of(profile: bytes) -> str:
    """Return the description stored in a profile."""
    return _read(profile).profile.profile_description or "unnamed"


def is_different(first: Image.Image, second: Image.Image) -> bool:
    """Tell whether two RGB images of the same size differ by more than rounding."""
    return bool(np.asarray(ImageChops.difference(first, second)).max() > ROUNDING)


def _read(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))
