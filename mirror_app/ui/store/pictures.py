"""The pictures that pages show: sheets of results, thumbnails and inputs, each drawn once for all visitors."""

import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image, ImageOps
from torch import Tensor

from mirror_app import engine, render
from mirror_app.engine import Sheet
from mirror_app.engine.request import Request
from mirror_app.images import Picture, bands
from mirror_app.ui.store.computations import request_key
from mirror_app.ui.store.models import model

THUMBNAIL_SIDE = 512  # pixels


def sheet(
    request: Request,
    raw: np.ndarray,
    picture: Picture,
    first: int,
    count: int,
    vmax: float | None = None,
    *,
    of: str = "",
) -> Sheet:
    """Return `count` images of `request`, starting with number `first`, as a contact sheet.

    A single image is returned by itself, at its own size. `of` distinguishes raw values that are not the request's own,
    such as those of a shuffled model.
    """
    return _sheet(f"{request_key(request)} {of} {picture.shown_id}", first, count, vmax, request, raw, picture)


def thumbnail(request: Request, raw: np.ndarray, picture: Picture, vmax: float | None) -> bytes:
    """Return the first sheet of `request` as a PNG file with no side longer than `THUMBNAIL_SIDE`."""
    return _thumbnail(f"{request_key(request)} {picture.shown_id}", vmax, request, raw, picture)


def vmax(request: Request, raw: np.ndarray, picture: Picture) -> float | None:
    """Return vmax on the request's own scale, or None if its look has none."""
    return _vmax(request_key(request), request, raw, picture)


@st.cache_data(max_entries=256, show_spinner=False)
def model_input_rgb(model_name: str, shown_id: str, _picture: Picture) -> np.ndarray:
    """Return the picture as the model sees it, as bytes (H, W, 3); heat maps are drawn over it."""
    rgb: np.ndarray = model(model_name).preprocessing.model_input_rgb(_picture)
    return rgb


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def input_png(model_name: str, shown_id: str, original: bool, _picture: Picture) -> bytes:
    """Return the model input as a PNG file, or the original, pale where the model does not see it."""
    if not original:
        return render.png(model_input_rgb(model_name, shown_id, _picture))
    region = model(model_name).preprocessing.region(_picture)
    return render.png(render.fade_outside(_picture.pixels, region) if region else _picture.pixels)


@st.cache_data(max_entries=256, show_spinner=False)
def strip(shown_ids: Sequence[str], side: int, _pictures: Sequence[Picture]) -> bytes:
    """Return the pictures, each cropped to a square of `side` pixels, in one row as a PNG file."""
    return render.png(np.concatenate([_square(picture.shown_id, side, picture) for picture in _pictures], axis=1))


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def band_sheet(picture_id: str, _bands: Tensor) -> Sheet:
    """Return bands (C, H, W), each stretched to its own range, as a contact sheet in grey."""
    images = render.shrink(bands.stretch_bands(_bands[None])[0][:, None].expand(-1, 3, -1, -1), engine.TILE)
    columns = min(len(images), engine.COLUMNS)
    sheet_png = render.png(render.pixels(render.grid(images.cpu(), columns)))
    return Sheet(sheet_png, columns, len(images), len(images))


@st.cache_data(max_entries=256, show_spinner=False)
def _square(shown_id: str, side: int, _picture: Picture) -> np.ndarray:
    return np.asarray(ImageOps.fit(Image.fromarray(_picture.pixels), (side, side)))


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def _sheet(
    key: str,
    first: int,
    count: int,
    vmax: float | None,
    _request: Request,
    _raw: np.ndarray,
    _picture: Picture,
) -> Sheet:
    return engine.sheet(
        _request, _raw, model_input_rgb(_request.model, _picture.shown_id, _picture), first, count, vmax
    )


@st.cache_data(max_entries=512, max_size="64mb", show_spinner=False)
def _thumbnail(key: str, vmax: float | None, _request: Request, _raw: np.ndarray, _picture: Picture) -> bytes:
    png = sheet(_request, _raw, _picture, 0, engine.PAGE, vmax).png
    image = Image.open(io.BytesIO(png))
    is_small = max(image.size) <= THUMBNAIL_SIDE
    return png if is_small else render.png(np.asarray(ImageOps.contain(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE))))


@st.cache_data(max_entries=512, show_spinner=False)
def _vmax(key: str, _request: Request, _raw: np.ndarray, _picture: Picture) -> float | None:
    return engine.vmax(_request, _raw, model_input_rgb(_request.model, _picture.shown_id, _picture))
