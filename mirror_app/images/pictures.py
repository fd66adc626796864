"""From the file that a person gave to pixels; no such file is trusted."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.images.bands import Colours, are_bands, to_rgb
from mirror_app.images.reading import BROKEN, FORMATS, printable, read

MAX_PIXELS = 25_000_000
MAX_BYTES = 10 * 2**20
# A scan of a JPEG file costs a pass over all pixels, an Exif block a copy of those before it: a camera
# writes about ten and one, and 10 MB of them would be work for an hour.
_MOST_MARKERS = 100


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture: a name for show, pixels uint8 (H, W, 3) in sRGB and read-only, an identity, remarks.

    `exact`, a float tensor (C, H, W), is an input that goes to the model as it is; the pixels are made from it.
    `colours` are those of its bands that are shown as red, green and blue; None where their mean is shown.
    `extra_inputs`, (1, …) each, is what a model of several inputs takes beside this one.
    """

    name: str
    pixels: np.ndarray
    id: str
    notes: tuple[str, ...] = ()
    exact: Tensor | None = None
    extra_inputs: tuple[Tensor, ...] = ()
    colours: Colours | None = None

    @property
    def band_count(self) -> int:
        """How many bands it has; 0 where its channels are grey, or red, green and blue."""
        return len(self.exact) if self.exact is not None and are_bands(len(self.exact)) else 0

    @property
    def shown_id(self) -> str:
        """What its pixels are kept under: one input of bands can be shown in several ways."""
        return f"{self.id} {self.colours}" if self.colours else self.id

    @property
    def plain(self) -> bool:
        """Whether this is an exact input that looks as if it had not been normalised: all of it lies in [0, 1]."""
        return self.exact is not None and bool((self.exact >= 0).all() and (self.exact <= 1).all())


def decode(data: bytes, name: str) -> Picture:
    """Return the picture in a file: its first frame, upright, in sRGB, over white; raises MirrorError."""
    name = printable(name)
    if not data:
        raise _refusal(name, "is empty")
    if len(data) > MAX_BYTES:
        raise _refusal(name, "is too large a file")
    if data.startswith(b"\xff\xd8") and max(map(data.count, (b"\xff\xda", b"Exif\0\0"))) > _MOST_MARKERS:
        raise _refusal(name, "has too many parts")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        # Pillow's own limit is higher, and below twice that it only warns.
        if image.width * image.height > MAX_PIXELS:
            raise _refusal(name, f"has {image.width} x {image.height} pixels")
        if image.format == "PNG":
            image.verify()  # the checksums, which reading the pixels skips
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        pixels, notes = read(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refusal(name, "has too many pixels") from error
    except UnidentifiedImageError as error:
        raise _refusal(name, "is not a picture that can be read here") from error
    except BROKEN as error:
        raise _refusal(name, "is damaged or cut short") from error
    return _picture(name, pixels, None, notes)


def from_array(pixels: np.ndarray, name: str, id: str | None = None) -> Picture:  # noqa: A002
    """Return the picture of an array, uint8 (H, W, 3) or (H, W); raises MirrorError for any other."""
    name = printable(name)
    fits = pixels.ndim >= 2 and pixels.shape[2:] in ((), (3,)) and pixels.size
    if pixels.dtype != np.uint8 or not fits:
        raise MirrorError(
            f"'{name}' is an array of {pixels.dtype} {pixels.shape}: uint8 (H, W, 3) or (H, W) is accepted."
        )
    return _picture(name, pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2), id)


def from_image(image: Image.Image, name: str) -> Picture:
    """Return the picture in a Pillow image, as `decode` does for a file; raises MirrorError."""
    name = printable(name)
    if image.width * image.height > MAX_PIXELS:
        raise _refusal(name, f"has {image.width} x {image.height} pixels")
    try:
        pixels, notes = read(image.copy())
    except BROKEN as error:
        raise _refusal(name, "is damaged or cut short") from error
    return _picture(name, pixels, None, notes)


def with_extra_inputs(picture: Picture, others: Sequence[Tensor]) -> Picture:
    """Return `picture` with what a model of several inputs takes beside it, (1, …) each."""
    digest = hashlib.sha1(picture.id.encode(), usedforsecurity=False)
    for other in others:
        digest.update(other.cpu().contiguous().view(torch.uint8).numpy().data)
    return replace(picture, id=digest.hexdigest(), extra_inputs=tuple(others))


def with_colours(picture: Picture, colours: Colours | None) -> Picture:
    """Return `picture` with those of its bands shown as red, green and blue; one that has them not, as it is."""
    if picture.exact is None or max(colours or (0,)) >= picture.band_count:
        return picture
    return replace(picture, colours=colours, pixels=to_pixels(to_rgb(picture.exact[None], colours)[0]))


def _picture(name: str, pixels: np.ndarray, slug: str | None, notes: tuple[str, ...] = ()) -> Picture:
    pixels = np.array(pixels, order="C")
    pixels.flags.writeable = False
    digest = hashlib.sha1(str(pixels.shape).encode(), usedforsecurity=False)
    digest.update(pixels.data)
    return Picture(name, pixels, slug or digest.hexdigest(), notes)


def to_pixels(colours: Tensor) -> np.ndarray:
    """Return colours (3, H, W) in [0, 1] as pixels."""
    return colours.cpu().mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _refusal(name: str, why: str) -> MirrorError:
    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    limits = f"up to {MAX_BYTES // 2**20} MB and {MAX_PIXELS // 10**6} million pixels"
    return MirrorError(f"'{name}' {why}: use {formats}, {limits}.")
