"""The conversion from a picture to the input of a model, and back."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as F

from mirror_app.errors import MirrorError
from mirror_app.images.pictures import Picture, to_pixels, with_colours
from mirror_app.images.pixels import PixelsInMemory

# If a picture's aspect ratio exceeds this, only its middle is resized. Without this limit, a picture of 60,000 x 1
# pixels would grow to 7.7 million x 128.
_MAX_ASPECT = 20
_SLACK = 0.01  # rounding may leave values this far outside [0, 1]
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Preprocessing:
    """The preparation of pictures for a model: resize the shorter side, crop the centre, normalise.

    The input is (pixels / 255 - mean) / std, per channel. It equals the output of torchvision's classification presets
    bit for bit, except that only the middle of pictures longer than 20:1 is resized. Some models expect pictures that
    are stretched instead: then `resize` is a pair. With one value in `mean`, pictures become grey inputs; with three,
    RGB; with four, RGB and an opaque alpha channel.

    Args:
        size: The crop, (height, width) in pixels, or the side of a square.
        resize: The length of the shorter side before cropping, in pixels. A pair (height, width) stretches the picture
            to that size before cropping, without keeping its proportions.
        mean: The mean of each channel, for pixels in [0, 1].
        std: The standard deviation of each channel, for pixels in [0, 1].
        interpolation: The interpolation with which torchvision resizes: "bilinear", "bicubic" or "nearest".

    Raises:
        MirrorError: If `mean` and `std` are empty or differ in length.

    Example:
        >>> import numpy as np
        >>> from mirror_app.images import Preprocessing, from_array
        >>> preprocessing = Preprocessing(size=4, resize=4, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        >>> inputs = preprocessing.prepare(from_array(np.full((8, 8, 3), 255, np.uint8), "white"))
        >>> inputs.shape, inputs.max().item()
        (torch.Size([1, 3, 4, 4]), 2.0)
        >>> preprocessing.undo(inputs).max().item()
        1.0
    """

    size: int | tuple[int, int]
    resize: int | tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            culprit, accepted = f"mean {self.mean} and std {self.std}", "one value per channel"
            raise MirrorError(f"{culprit} must each have {accepted}.", culprit=culprit, accepted=accepted)

    @property
    def takes_pictures(self) -> bool:
        """Whether the model takes pictures: its inputs have 1, 3 or 4 channels. Any other model takes only tensors."""
        return len(self.mean) in _MODES

    def model_input_rgb(self, picture: Picture) -> np.ndarray:
        """Return the part of the picture that the model receives, uint8 (h, w, 3); overlays are drawn on it."""
        if picture.band_count:
            return picture.pixels
        if picture.exact is not None:
            return to_pixels(_displayable(picture.exact, *self.scale(picture)))
        return np.array(self._cropped(picture))

    as_seen = model_input_rgb  # the former name, used by scripts that people have downloaded

    def prepare(self, picture: Picture) -> Tensor:
        """Return the model's input for a picture.

        Returns:
            A float32 tensor (1, C, h, w), normalised; an exact input is returned unchanged.

        Raises:
            MirrorError: If an RGB picture is given to a model with another number of bands.
        """
        if picture.exact is not None:
            return picture.exact[None]
        if not self.takes_pictures:
            raise MirrorError(
                f"'{picture.name}' is an RGB picture, but the model takes {len(self.mean)} bands.",
                culprit=picture.name,
                accepted="tensors of shape (bands, height, width)",
                hint="Pass tensors of shape (bands, height, width).",
            )
        values = F.pil_to_tensor(self._cropped(picture).convert(_MODES[len(self.mean)]))
        values = F.convert_image_dtype(values, torch.float32)
        inputs: Tensor = F.normalize(values, list(self.mean), list(self.std))
        return inputs[None]

    def scale(self, picture: Picture) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the mean and the standard deviation per channel with which the input of `picture` was normalised."""
        if picture.looks_unnormalised:
            return (0.0,) * len(self.mean), (1.0,) * len(self.mean)
        return self.mean, self.std

    def blank(self) -> Tensor:
        """Return an input (1, C, h, w) of zeros: a picture in the colour `mean`."""
        height, width = self._crop_size()
        return torch.zeros(1, len(self.mean), height, width)

    def undo(self, inputs: Tensor) -> Tensor:
        """Return inputs (N, C, h, w) as they were before normalisation, clamped to [0, 1]."""
        mean, std = (inputs.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (inputs * std + mean).clamp(0, 1)

    def region(self, picture: Picture) -> tuple[int, int, int, int] | None:
        """Return the part of `picture` that the model sees, (left, top, right, bottom) in pixels, or None for all."""
        if picture.exact is not None:
            return None
        height, width = picture.stored.shape[:2]
        if isinstance(self.resize, tuple):
            sizes = zip((height, width), self._crop_size(), self.resize, strict=True)
            region_height, region_width = (min(side, round(side * crop / resized)) for side, crop, resized in sizes)
        else:
            shorter = min(height, width)
            scale = shorter / self.resize  # pixels of the picture per pixel of the input
            region_height, region_width = (
                min(side, round(cropped * scale), _MAX_ASPECT * shorter)
                for side, cropped in zip((height, width), self._crop_size(), strict=True)
            )
        if (region_height, region_width) == (height, width):
            return None
        left, top = (width - region_width) // 2, (height - region_height) // 2
        return left, top, left + region_width, top + region_height

    def _crop_size(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def _cropped(self, picture: Picture) -> Image.Image:
        image, interpolation = Image.fromarray(picture.pixels), F.InterpolationMode(self.interpolation)
        if isinstance(self.resize, tuple):
            image = F.resize(image, list(self.resize), interpolation)
        else:
            longest = _MAX_ASPECT * min(image.size)
            image = F.center_crop(image, [min(image.height, longest), min(image.width, longest)])
            image = F.resize(image, [self.resize], interpolation)
        cropped: Image.Image = F.center_crop(image, list(self._crop_size()))
        return cropped


def from_tensor(inputs: Tensor, name: str, preprocessing: Preprocessing, notes: tuple[str, ...] = ()) -> Picture:
    """Return a picture that goes to the model exactly as given.

    Args:
        inputs: A float tensor (C, H, W), normalised as the model expects. It is copied.
        name: The picture's name, for display and error messages.
        preprocessing: The model's preprocessing, whose mean and std turn the tensor back into visible colours.
        notes: Remarks for the user.

    Returns:
        The picture. Its `exact` is a copy of the tensor, and its `pixels` display the tensor.

    Raises:
        MirrorError: If the tensor has another type or shape, is empty, or holds NaN or infinity.

    Example:
        >>> import torch
        >>> from mirror_app.images import Preprocessing, from_tensor
        >>> preprocessing = Preprocessing(size=8, resize=8, mean=(0.5,) * 3, std=(0.25,) * 3)
        >>> picture = from_tensor(torch.zeros(3, 8, 8), "zeros", preprocessing)
        >>> picture.pixels[0, 0].tolist()
        [0, 0, 0]
        >>> torch.equal(preprocessing.prepare(picture), torch.zeros(1, 3, 8, 8))
        True
    """
    if inputs.ndim != 3 or not inputs.is_floating_point() or not inputs.numel():
        accepted = "a float tensor (channels, height, width)"
        raise MirrorError(
            f"{name} is a {inputs.dtype} tensor of shape {tuple(inputs.shape)}. Expected {accepted}.",
            culprit=name,
            accepted=accepted,
        )
    if not inputs.isfinite().all():
        raise MirrorError(f"{name} contains NaN or infinite values.", culprit=name, accepted="finite values")
    inputs = inputs.detach().clone()
    digest = hashlib.sha1(inputs.cpu().contiguous().view(torch.uint8).numpy().data, usedforsecurity=False)
    digest.update(f"{inputs.dtype} {tuple(inputs.shape)}".encode())
    picture = Picture(name, PixelsInMemory(np.empty(0)), digest.hexdigest(), notes, inputs)
    if picture.band_count:
        return with_colours(picture, None)
    return replace(picture, stored=PixelsInMemory(preprocessing.model_input_rgb(picture)))


def _displayable(inputs: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return an exact input (1 or 3, H, W) as RGB in [0, 1]: denormalised, and stretched if values then lie outside."""
    values = inputs.float().cpu()
    if len(values) == len(mean):
        values = values * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None]
    low, high = values.min(), values.max()
    if low < -_SLACK or high > 1 + _SLACK:
        values = (values - low) / (high - low)
    return values.expand(3, -1, -1)
