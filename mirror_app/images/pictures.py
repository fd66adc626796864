"""From the file that a person gave to the pixels that a model sees, and back; no such file is trusted."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms import functional as F

from mirror_app.errors import MirrorError
from mirror_app.images.bands import Colours, are_bands, as_colours
from mirror_app.images.reading import BROKEN, FORMATS, printable, read

MAX_PIXELS = 25_000_000
MAX_BYTES = 10 * 2**20

# A scan of a JPEG file costs a pass over all pixels, an Exif block a copy of those before it: a camera
# writes about ten and one, and 10 MB of them would be work for an hour.
_MOST_MARKERS = 100
# Of a longer picture only the middle is resized: 60,000 x 1 would grow to 7.7 million x 128.
_LONGEST = 20
_SLACK = 0.01  # how far from [0, 1] rounding may leave a picture
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


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


def from_tensor(inputs: Tensor, name: str, preprocessing: "Preprocessing", notes: tuple[str, ...] = ()) -> Picture:
    """Return a picture that goes to the model as it is: a float tensor (C, H, W); raises MirrorError for any other."""
    if inputs.ndim != 3 or not inputs.is_floating_point() or not inputs.numel():
        raise MirrorError(
            f"{name} is a {inputs.dtype} of {tuple(inputs.shape)}: a float tensor (channels, height, width) is needed."
        )
    if not inputs.isfinite().all():
        raise MirrorError(f"{name} has numbers that are not finite: NaN or infinity.")
    inputs = inputs.detach().clone()
    digest = hashlib.sha1(inputs.cpu().contiguous().view(torch.uint8).numpy().data, usedforsecurity=False)
    digest.update(f"{inputs.dtype} {tuple(inputs.shape)}".encode())
    found = Picture(name, np.empty(0), digest.hexdigest(), notes, inputs)
    return with_colours(found, None) if found.band_count else replace(found, pixels=preprocessing.as_seen(found))


def with_colours(picture: Picture, colours: Colours | None) -> Picture:
    """Return `picture` with those of its bands shown as red, green and blue; one that has them not, as it is."""
    if picture.exact is None or max(colours or (0,)) >= picture.band_count:
        return picture
    return replace(picture, colours=colours, pixels=_bytes(as_colours(picture.exact[None], colours)[0]))


@dataclass(frozen=True)
class Preprocessing:
    """What a model expects: the shorter side resized to `resize`, the centre cut out, then normalised.

    `size`: (height, width) of the cut, or the side of a square. `mean` and `std`: a value for each channel, else
    MirrorError is raised. Pictures become inputs of 1 channel (grey), 3 (RGB) or 4 (RGB and an opaque alpha).
    `interpolation`: the name of one of torchvision's ways to resize, "bilinear" or "bicubic". Equal to the
    bit to torchvision's classification presets, save that of pictures beyond 20 : 1 the middle is resized.
    """

    size: int | tuple[int, int]
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise MirrorError(f"Mean {self.mean} and deviation {self.std} must each have one value for each channel.")

    @property
    def takes_pictures(self) -> bool:
        """Whether pictures can become inputs: of a model that takes bands, only tensors can."""
        return len(self.mean) in _MODES

    def as_seen(self, picture: Picture) -> np.ndarray:
        """Return the part that the model sees, uint8 (h, w, 3): what overlays lie on."""
        if picture.band_count:
            return picture.pixels
        if picture.exact is not None:
            return _bytes(_colours_of(picture.exact, *self.scale(picture)))
        return np.array(self._cut(picture))

    def prepare(self, picture: Picture) -> Tensor:
        """Return the input (1, C, h, w): float32, normalised; an exact one as it is."""
        if picture.exact is not None:
            return picture.exact[None]
        if not self.takes_pictures:
            raise MirrorError(
                f"'{picture.name}' has three colours, and the model takes {len(self.mean)} bands: "
                "give it tensors (bands, height, width)."
            )
        values = F.pil_to_tensor(self._cut(picture).convert(_MODES[len(self.mean)]))
        values = F.convert_image_dtype(values, torch.float32)
        inputs: Tensor = F.normalize(values, list(self.mean), list(self.std))
        return inputs[None]

    def scale(self, picture: Picture) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the mean and the deviation that the input of `picture` was normalised with, one number a channel."""
        if picture.plain:
            return (0.0,) * len(self.mean), (1.0,) * len(self.mean)
        return self.mean, self.std

    def blank(self) -> Tensor:
        """Return an input (1, C, h, w) of zeros: what the mean of all pictures becomes."""
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        return torch.zeros(1, len(self.mean), height, width)

    def undo(self, inputs: Tensor) -> Tensor:
        """Return inputs (N, C, h, w) as they were before normalisation, clamped to [0, 1]."""
        mean, std = (inputs.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (inputs * std + mean).clamp(0, 1)

    def region(self, picture: Picture) -> tuple[int, int, int, int] | None:
        """Return what the model sees of `picture`, (left, top, right, bottom) in its pixels; None where that is all."""
        if picture.exact is not None:
            return None
        height, width = picture.pixels.shape[:2]
        shorter = min(height, width)
        scale = shorter / self.resize  # pixels of the picture for one of the input
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        down, across = (
            min(side, round(seen * scale), _LONGEST * shorter) for side, seen in zip((height, width), size, strict=True)
        )
        left, top = (width - across) // 2, (height - down) // 2
        return None if (across, down) == (width, height) else (left, top, left + across, top + down)

    def _cut(self, picture: Picture) -> Image.Image:
        height, width = picture.pixels.shape[:2]
        longest = _LONGEST * min(height, width)
        image = F.center_crop(Image.fromarray(picture.pixels), [min(height, longest), min(width, longest)])
        image = F.resize(image, [self.resize], F.InterpolationMode(self.interpolation))
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        cut: Image.Image = F.center_crop(image, list(size))
        return cut


def _picture(name: str, pixels: np.ndarray, slug: str | None, notes: tuple[str, ...] = ()) -> Picture:
    pixels = np.array(pixels, order="C")
    pixels.flags.writeable = False
    digest = hashlib.sha1(str(pixels.shape).encode(), usedforsecurity=False)
    digest.update(pixels.data)
    return Picture(name, pixels, slug or digest.hexdigest(), notes)


def _colours_of(inputs: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return an exact input (1 or 3, H, W) as colours: un-normalised where that leads to [0, 1], else stretched."""
    values = inputs.float().cpu()
    if len(values) == len(mean):
        values = values * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None]
    low, high = values.min(), values.max()
    if low < -_SLACK or high > 1 + _SLACK:
        values = (values - low) / (high - low)
    return values.expand(3, -1, -1)


def _bytes(colours: Tensor) -> np.ndarray:
    """Return colours (3, H, W) in [0, 1] as pixels."""
    return colours.cpu().mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _refusal(name: str, why: str) -> MirrorError:
    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    limits = f"up to {MAX_BYTES // 2**20} MB and {MAX_PIXELS // 10**6} million pixels"
    return MirrorError(f"'{name}' {why}: accepted is {formats}, {limits}.")
