"""From a picture to the input that a model takes, and back."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as F

from mirror_app.errors import MirrorError
from mirror_app.images.pictures import Picture, to_pixels, with_colours

# Of a longer picture only the middle is resized: 60,000 x 1 would grow to 7.7 million x 128.
_LONGEST = 20
_SLACK = 0.01  # how far from [0, 1] rounding may leave a picture
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


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

    def model_input_rgb(self, picture: Picture) -> np.ndarray:
        """Return the part of the picture that the model receives, uint8 (h, w, 3); overlays are drawn on it."""
        if picture.band_count:
            return picture.pixels
        if picture.exact is not None:
            return to_pixels(_colours_of(picture.exact, *self.scale(picture)))
        return np.array(self._cut(picture))

    as_seen = model_input_rgb  # its former name, in code that people have downloaded

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


def from_tensor(inputs: Tensor, name: str, preprocessing: Preprocessing, notes: tuple[str, ...] = ()) -> Picture:
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
    return (
        with_colours(found, None) if found.band_count else replace(found, pixels=preprocessing.model_input_rgb(found))
    )


def _colours_of(inputs: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return an exact input (1 or 3, H, W) as colours: un-normalised where that leads to [0, 1], else stretched."""
    values = inputs.float().cpu()
    if len(values) == len(mean):
        values = values * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None]
    low, high = values.min(), values.max()
    if low < -_SLACK or high > 1 + _SLACK:
        values = (values - low) / (high - low)
    return values.expand(3, -1, -1)
