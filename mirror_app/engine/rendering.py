"""Draws the images of a request from its raw numbers.

Each visualisation has a look, which turns its raw numbers into images.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mirror_app import render
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.params import Value, checked
from mirror_app.visualisations import registry

PAGE = 64  # images on a sheet
TILE = 128  # pixels: the longest side of an image on a sheet
COLUMNS = 8


@dataclass(frozen=True)
class Sheet:
    """Several images as one PNG file.

    Args:
        png: The file.
        columns: The number of images in a row.
        shown: The number of images on the sheet.
        count: The number of images that the request gives.

    Example:
        >>> from mirror_app.engine import Sheet
        >>> Sheet(b"", columns=8, shown=64, count=100).count
        100
    """

    png: bytes
    columns: int
    shown: int
    count: int


def render_images(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray, vmax: float | None = None) -> Tensor:
    """Return the images of a request, drawn from its raw numbers.

    Args:
        request: The request. Its visualisation decides the look, and its parameters the colours.
        raw: The raw numbers of the request, `Result.raw`: (N, h, w) or (N, C, h, w).
        model_input_rgb: The picture as the model receives it, uint8 (H, W, 3). Overlays are drawn on it.
        vmax: The magnitude that is shown in full colour, for looks that have a scale. By default, each image has its
            own scale.

    Returns:
        The images, (M, 3, h, w), in [0, 1].

    Raises:
        MirrorError: The visualisation is unknown, or a parameter does not fit it.

    Example:
        >>> import numpy as np
        >>> from mirror_app import engine
        >>> from mirror_app.engine.request import Request
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam")
        >>> raw = np.ones((1, 4, 4), np.float32)
        >>> engine.render_images(request, raw, np.zeros((128, 128, 3), np.uint8)).shape
        torch.Size([1, 3, 128, 128])
    """
    look, render_params = _look_of(request)
    scale = {"vmax": vmax} if look.vmax else {}
    numbers = torch.from_numpy(raw)
    return look(numbers, _as_tensor(model_input_rgb).to(numbers), **render_params, **scale)


def vmax(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray) -> float | None:
    """Return the magnitude shown in full colour when `request` has its own scale, or None if its look has no scale.

    Args:
        request: The request.
        raw: The raw numbers of the request, (N, h, w) or (N, C, h, w).
        model_input_rgb: The picture as the model receives it, uint8 (H, W, 3).

    Returns:
        The largest magnitude over all images.

    Example:
        >>> import numpy as np
        >>> from mirror_app import engine
        >>> from mirror_app.engine.request import Request
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam")
        >>> engine.vmax(request, np.full((1, 4, 4), 3.0), np.zeros((128, 128, 3), np.uint8))
        3.0
    """
    look, render_params = _look_of(request)
    return render.vmax(look, torch.from_numpy(raw), _as_tensor(model_input_rgb), **render_params)


def legend(request: Request, raw: np.ndarray, vmax: float | None) -> render.Legend | None:
    """Return the colour bar of `request`.

    Args:
        request: The request.
        raw: The raw numbers of the request, (N, h, w) or (N, C, h, w).
        vmax: The magnitude shown in full colour, as `vmax` returns it.

    Returns:
        The colour bar, or None if single values do not map to single colours (for example, if three channels are drawn
        as RGB), or if `vmax` is None or 0.

    Example:
        >>> import numpy as np
        >>> from mirror_app import engine
        >>> from mirror_app.engine.request import Request
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam", (("colours", "jet"),))
        >>> engine.legend(request, np.ones((1, 4, 4)), 3.0).high
        3.0
    """
    look, render_params = _look_of(request)
    return render.legend(look, raw.shape, vmax, **render_params)


def hint(request: Request) -> str:
    """Return a sentence on how to read the colours of `request`, or "" if there is nothing to say.

    Args:
        request: The request.

    Returns:
        The sentence.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.engine.request import Request
        >>> engine.hint(Request("shapes", "checked-heart", "", "back-prop", (("show", "colour"),)))
        'Grey is zero.'
    """
    look, render_params = _look_of(request)
    return look.hint(**render_params) if look.hint else ""


def order(request: Request, raw: np.ndarray) -> list[int] | None:
    """Return the index of the map that each image of `request` shows; None if the maps are in their original order.

    Args:
        request: The request.
        raw: The raw numbers of the request, (N, h, w) or (N, C, h, w).

    Returns:
        For each image, the number of the map that it shows, from 0.

    Example:
        >>> import numpy as np
        >>> from mirror_app import engine
        >>> from mirror_app.engine.request import Request
        >>> request = Request("shapes", "checked-heart", "", "activations", (("order", "strongest first"),))
        >>> engine.order(request, np.array([1.0, 5.0, 3.0]).reshape(1, 3, 1, 1))
        [1, 2, 0]
    """
    look, render_params = _look_of(request)
    numbers = look.order(torch.from_numpy(raw), **render_params) if look.order else None
    return None if numbers is None else numbers.tolist()


def _look_of(request: Request) -> tuple[render.Look, dict[str, Value]]:
    """Return the look of `request`, and the values of all its parameters."""
    entry = registry.get(request.visualisation)
    values: dict[str, Value] = checked(entry.params, dict(request.params))
    return entry.look, {name: values[name] for name in entry.render_params}


def _as_tensor(model_input_rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(model_input_rgb.copy()).permute(2, 0, 1)[None] / 255


def sheet(
    request: Request,
    raw: np.ndarray,
    model_input_rgb: np.ndarray,
    first: int = 0,
    count: int = PAGE,
    vmax: float | None = None,
) -> Sheet:
    """Return images of `request` as a contact sheet; a single image keeps its size.

    Args:
        request: The request.
        raw: The raw numbers of the request, (N, h, w) or (N, C, h, w).
        model_input_rgb: The picture as the model receives it, uint8 (H, W, 3).
        first: The number of the first image on the sheet, from 0.
        count: The largest number of images on the sheet.
        vmax: As in `render_images`.

    Returns:
        The sheet, in rows of 8 images, with no side of an image longer than 128 pixels.

    Raises:
        MirrorError: There is no image with the number `first`.

    Example:
        >>> import numpy as np
        >>> from mirror_app import engine
        >>> from mirror_app.engine.request import Request
        >>> request = Request("shapes", "checked-heart", "features", "activations")
        >>> page = engine.sheet(request, np.ones((1, 70, 8, 8), np.float32), np.zeros((128, 128, 3), np.uint8), 64)
        >>> page.shown, page.count
        (6, 70)
    """
    images = render_images(request, raw, model_input_rgb, vmax)
    if not 0 <= first < len(images):
        total = "1 image (number 0)" if len(images) == 1 else f"{len(images)} images (0 to {len(images) - 1})"
        hint = f"this request gives {total}, {PAGE} to a page"
        raise MirrorError(f"There is no image {first}", culprit=str(first), accepted=total, hint=hint)
    shown = images[first : first + count]
    if len(images) > 1:
        shown = render.shrink(shown, TILE)
    columns = min(len(shown), COLUMNS)
    return Sheet(render.png(render.pixels(render.grid(shown, columns))), columns, len(shown), len(images))
