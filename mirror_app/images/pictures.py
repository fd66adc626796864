"""Pictures from files, arrays, Pillow images and tensors; no file is trusted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mirror_app.decoding.files import MAX_BYTES, MAX_PIXELS, Decoded, UnreadableError, read_file
from mirror_app.decoding.in_child import read_file_in_child
from mirror_app.decoding.reading import BROKEN, FORMATS, printable, read
from mirror_app.errors import MirrorError
from mirror_app.images.bands import Colours, are_bands, to_rgb
from mirror_app.images.pixels import PixelCache, Pixels, PixelsInFile, PixelsInMemory
from mirror_app.turns import NOBODY, Visitor


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture to explain, with its name and a digest that identifies it.

    Create it with `decode` (a file), `from_image` (Pillow), `from_array` (NumPy) or `from_tensor` (a model's input).

    Attributes:
        name: The name shown to the user.
        stored: Where the pixels are.
        id: A digest of the content, or the name of a bundled example.
        notes: Remarks for the user, such as "animated: the first frame is shown".
        exact: A float tensor (C, H, W) that goes to the model unchanged; `pixels` then only display it.
        extra_inputs: The inputs that follow the picture, (1, …) each, for a model with several inputs.
        colours: The bands shown as red, green and blue; None shows the mean of all bands.

    Example:
        >>> import numpy as np
        >>> from mirror_app.images import from_array
        >>> picture = from_array(np.zeros((4, 6, 3), np.uint8), "black")
        >>> picture.name, picture.pixels.shape, picture.band_count
        ('black', (4, 6, 3), 0)
    """

    name: str
    stored: Pixels
    id: str
    notes: tuple[str, ...] = ()
    exact: Tensor | None = None
    extra_inputs: tuple[Tensor, ...] = ()
    colours: Colours | None = None

    @property
    def pixels(self) -> np.ndarray:
        """The pixels, uint8 (H, W, 3) in sRGB, read-only."""
        return self.stored.array

    @property
    def band_count(self) -> int:
        """The number of bands; 0 for a grey or RGB picture."""
        return len(self.exact) if self.exact is not None and are_bands(len(self.exact)) else 0

    @property
    def shown_id(self) -> str:
        """The cache key of the pixels, which depend on the bands that are shown."""
        return f"{self.id} {self.colours}" if self.colours else self.id

    @property
    def looks_unnormalised(self) -> bool:
        """Whether this is an exact input with all its values in [0, 1]."""
        return self.exact is not None and bool((self.exact >= 0).all() and (self.exact <= 1).all())


def decode(data: bytes, name: str) -> Picture:
    """Return the picture in an image file: its first frame, upright, in sRGB, on a white background.

    Args:
        data: The content of a PNG, JPEG, WEBP, BMP or GIF file, up to 10 MB and 25 million pixels.
        name: The file's name, for display and error messages.

    Returns:
        The picture. Its `notes` list the conversions.

    Raises:
        MirrorError: If the file is empty, damaged, too large or in another format.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> from mirror_app.images import decode
        >>> file = io.BytesIO()
        >>> Image.new("RGBA", (6, 4)).save(file, "PNG")
        >>> picture = decode(file.getvalue(), "clear.png")
        >>> picture.pixels.shape, picture.notes
        ((4, 6, 3), ('transparent parts are shown over white',))
    """
    name = printable(name)
    try:
        pixels, notes = read_file(data)
    except UnreadableError as error:
        raise _refusal(name, str(error)) from error
    return _picture(name, pixels, None, notes)


def decode_upload(data: bytes, name: str, megapixels: int, cache: PixelCache, visitor: Visitor = NOBODY) -> Picture:
    """Do what `decode` does for a file of a stranger: in another process, which is ended if it takes too much.

    Args:
        data: The content of the file.
        name: The file's name, for display and error messages.
        megapixels: The largest picture that is accepted, in million pixels.
        cache: Holds the pixels. If it drops them, the file is decoded again.
        visitor: Who uploaded the file; the files of all visitors are decoded in turn.

    Returns:
        The picture.

    Raises:
        MirrorError: If the file is empty, damaged, too large or in another format, or takes too long to read.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> from mirror_app.images import PixelCache, decode_upload
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (6, 4)).save(file, "PNG")
        >>> decode_upload(file.getvalue(), "black.png", megapixels=12, cache=PixelCache(limit=2**20)).pixels.shape
        (4, 6, 3)
    """
    name, max_pixels = printable(name), megapixels * 10**6

    def read_upload() -> Decoded:
        try:
            return read_file_in_child(data, max_pixels, visitor)
        except UnreadableError as error:
            raise _refusal(name, str(error), max_pixels) from error

    pixels, notes = read_upload()
    stored = PixelsInFile(pixels, len(data), cache, lambda: read_upload()[0])
    return Picture(name, stored, _digest(pixels), notes)


def from_array(pixels: np.ndarray, name: str, id: str | None = None) -> Picture:  # noqa: A002
    """Return the picture in a NumPy array.

    Args:
        pixels: The array, uint8 (H, W, 3) in sRGB, or (H, W) for grey. It is copied.
        name: The picture's name, for display and error messages.
        id: The picture's identity; None takes a digest of the pixels.

    Returns:
        The picture.

    Raises:
        MirrorError: If the array has another type or shape, or is empty.

    Example:
        >>> import numpy as np
        >>> from mirror_app.images import from_array
        >>> from_array(np.full((4, 6), 128, np.uint8), "grey").pixels[0, 0].tolist()
        [128, 128, 128]
    """
    name = printable(name)
    is_accepted = pixels.ndim >= 2 and pixels.shape[2:] in ((), (3,)) and pixels.size
    if pixels.dtype != np.uint8 or not is_accepted:
        accepted = "uint8 (H, W, 3) or (H, W)"
        raise MirrorError(
            f"'{name}' is a {pixels.dtype} array of shape {pixels.shape}. Expected {accepted}.",
            culprit=name,
            accepted=accepted,
        )
    return _picture(name, pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2), id)


def from_image(image: Image.Image, name: str) -> Picture:
    """Return the picture in a Pillow image: its first frame, upright, in sRGB, on a white background.

    Args:
        image: An image of any mode, up to 25 million pixels. It is copied.
        name: The picture's name, for display and error messages.

    Returns:
        The picture. Its `notes` list the conversions.

    Raises:
        MirrorError: If the image is too large or its data cannot be read.

    Example:
        >>> from PIL import Image
        >>> from mirror_app.images import from_image
        >>> from_image(Image.new("L", (6, 4), 128), "grey").pixels.shape
        (4, 6, 3)
    """
    name = printable(name)
    if image.width * image.height > MAX_PIXELS:
        raise _refusal(name, f"has {image.width} x {image.height} pixels")
    try:
        pixels, notes = read(image.copy())
    except BROKEN as error:
        raise _refusal(name, "is damaged or cut short") from error
    return _picture(name, pixels, None, notes)


def with_extra_inputs(picture: Picture, extra_inputs: Sequence[Tensor]) -> Picture:
    """Return `picture` together with the further inputs of a model that takes several.

    Args:
        picture: The model's first input.
        extra_inputs: The inputs that follow the picture, in the model's order, (1, …) each.

    Returns:
        A copy of `picture` with the further inputs and an `id` of its own.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from mirror_app.images import from_array, with_extra_inputs
        >>> picture = with_extra_inputs(from_array(np.zeros((4, 6), np.uint8), "black"), [torch.zeros(1, 5)])
        >>> [tuple(extra_input.shape) for extra_input in picture.extra_inputs]
        [(1, 5)]
    """
    digest = hashlib.sha1(picture.id.encode(), usedforsecurity=False)
    for extra_input in extra_inputs:
        digest.update(extra_input.cpu().contiguous().view(torch.uint8).numpy().data)
    return replace(picture, id=digest.hexdigest(), extra_inputs=tuple(extra_inputs))


def with_colours(picture: Picture, colours: Colours | None) -> Picture:
    """Return `picture` with three of its bands shown as red, green and blue.

    Args:
        picture: An input of bands.
        colours: The numbers of three bands, from 0; None shows the mean of all bands in grey.

    Returns:
        A copy with new `pixels`, or `picture` itself if it lacks one of the bands.

    Example:
        >>> import torch
        >>> from mirror_app.images import Preprocessing, from_tensor, with_colours
        >>> preprocessing = Preprocessing(size=4, resize=4, mean=(0.0,) * 5, std=(1.0,) * 5)
        >>> picture = from_tensor(torch.rand(5, 4, 4), "five bands", preprocessing)
        >>> with_colours(picture, (4, 2, 0)).colours
        (4, 2, 0)
        >>> with_colours(picture, (5, 2, 0)) is picture
        True
    """
    if picture.exact is None or max(colours or (0,)) >= picture.band_count:
        return picture
    return replace(picture, colours=colours, stored=PixelsInMemory(to_pixels(to_rgb(picture.exact[None], colours)[0])))


def _picture(name: str, pixels: np.ndarray, slug: str | None, notes: tuple[str, ...] = ()) -> Picture:
    pixels = np.array(pixels, order="C")
    pixels.flags.writeable = False
    return Picture(name, PixelsInMemory(pixels), slug or _digest(pixels), notes)


def _digest(pixels: np.ndarray) -> str:
    digest = hashlib.sha1(str(pixels.shape).encode(), usedforsecurity=False)
    digest.update(pixels.data)
    return digest.hexdigest()


def to_pixels(rgb: Tensor) -> np.ndarray:
    """Return an RGB tensor (3, H, W) in [0, 1] as uint8 pixels (H, W, 3)."""
    return rgb.cpu().mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _refusal(name: str, reason: str, max_pixels: int = MAX_PIXELS) -> MirrorError:
    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    accepted = f"{formats}, up to {MAX_BYTES // 2**20} MB and {max_pixels // 10**6} million pixels"
    return MirrorError(f"'{name}' {reason}", culprit=name, accepted=accepted, hint=f"use {accepted}")
