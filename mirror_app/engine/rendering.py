"""From the raw numbers of a request to what is shown of them."""

from dataclasses import dataclass
from functools import partial

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
    """Images as one PNG, `columns` to a row: how many are shown, and how many there are in all."""

    png: bytes
    columns: int
    shown: int
    count: int


def render_images(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray, vmax: float | None = None) -> Tensor:
    """Return the images (M, 3, h, w) of a request, in [0, 1].

    model_input_rgb: (H, W, 3), the picture as the model receives it, as bytes, which an overlay is drawn on.
    vmax: the magnitude shown in full colour, where the look has a scale; by default each image has its own.
    """
    entry, values = _look(request)
    look = partial(entry.kind.look, vmax=vmax) if entry.scaled else entry.kind.look
    numbers = torch.from_numpy(raw)
    images: Tensor = look(numbers, _picture(model_input_rgb).to(numbers), **values)
    return images


def vmax(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray) -> float | None:
    """Return the magnitude that has the full colour in the picture of `request` alone; None where there is no such."""
    entry, values = _look(request)
    return render.vmax(entry.kind.look, torch.from_numpy(raw), _picture(model_input_rgb), **values)


def legend(request: Request, raw: np.ndarray, vmax: float | None) -> render.Legend | None:
    """Return what the colours of `request` mean where `vmax` has the full one; None as in `render.legend`."""
    entry, values = _look(request)
    return render.legend(entry.kind.look, raw.shape, vmax, **values)


def _look(request: Request) -> tuple[registry.Entry, dict[str, Value]]:
    entry = registry.get(request.visualisation)
    values: dict[str, Value] = checked(entry.params, dict(request.params))
    return entry, {name: values[name] for name in entry.render_params}


def _picture(model_input_rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(model_input_rgb.copy()).permute(2, 0, 1)[None] / 255


def sheet(
    request: Request,
    raw: np.ndarray,
    model_input_rgb: np.ndarray,
    first: int = 0,
    count: int = PAGE,
    vmax: float | None = None,
) -> Sheet:
    """Return `count` images of `request`, from the number `first` on, as a contact sheet; a single image as it is.

    `vmax` is as in `render_images`. Raises MirrorError where there are fewer.
    """
    images = render_images(request, raw, model_input_rgb, vmax)
    if not 0 <= first < len(images):
        raise MirrorError(f"There is no image {first}: there are {len(images)}, from 0 on, {PAGE} on a page.")
    shown = images[first : first + count]
    if len(images) > 1:
        shown = render.shrink(shown, TILE)
    columns = min(len(shown), COLUMNS)
    return Sheet(render.png(render.pixels(render.grid(shown, columns))), columns, len(shown), len(images))
