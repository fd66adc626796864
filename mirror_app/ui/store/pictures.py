"""The pictures that pages show: sheets of results, thumbnails and inputs, each drawn once for all visitors."""

import io
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import streamlit as st
from PIL import Image, ImageOps
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile
from torch import Tensor

from mirror_app import activity, engine, render
from mirror_app.engine import Sheet
from mirror_app.images import Picture, PixelCache, bands, decode_upload
from mirror_app.settings.server import server_settings
from mirror_app.turns import Turns
from mirror_app.ui.state.visitor import visitor
from mirror_app.ui.store.computations import request_key
from mirror_app.ui.store.selection import Selection

THUMBNAIL_SIDE = 512  # pixels
SQUARE_SIDE = 192  # pixels; strips are made of squares of this size or less
STRIP_COLUMNS = 16  # how many pictures a row of a strip has, so that browsers can draw a strip of hundreds
_LARGE = 4_000_000  # pixels
_TURNS = Turns(1)


def sheet(
    selection: Selection, raw: np.ndarray, first: int, count: int, vmax: float | None = None, *, of: str = ""
) -> Sheet:
    """Return `count` images of `selection`, starting with number `first`, as a contact sheet.

    A single image is returned by itself, at its own size. If `raw` does not come from `selection` itself (for example,
    from a shuffled model), pass a name as `of`, so that this sheet and the selection's own sheet are cached separately.
    """
    return _sheet(f"{_shown_key(selection)} {of}", first, count, vmax, selection, raw)


def thumbnail(selection: Selection, raw: np.ndarray, vmax: float | None, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return the first sheet of `selection` as a PNG file with no side longer than `side`."""
    return _thumbnail(_shown_key(selection), vmax, side, selection, raw)


def vmax(selection: Selection, raw: np.ndarray) -> float | None:
    """Return the magnitude at full brightness on the selection's own scale, or None if its look has no scale."""
    return _vmax(request_key(selection.request), selection, raw)


def model_input_rgb(selection: Selection) -> np.ndarray:
    """Return the picture as the model sees it, as bytes (H, W, 3); heat maps are drawn over it."""
    return _model_input_rgb(selection.request.model, selection.picture.shown_id, selection)


def input_png(selection: Selection, original: bool) -> bytes:
    """Return a PNG file of the model input, or of the original, which is pale where the model does not see it."""
    return _input_png(selection.request.model, selection.picture.shown_id, original, selection)


def take_upload(file: UploadedFile) -> bytes:
    """Return the content of an uploaded file, which the server then forgets."""
    data = file.getvalue()
    context, manager = get_script_run_ctx(), Runtime.instance().uploaded_file_mgr
    if context and isinstance(manager, MemoryUploadedFileManager):
        manager.remove_file(context.session_id, file.file_id)
    return data


def decoded(data: bytes, name: str) -> Picture:
    """Return the picture in a file that this visitor uploaded. May raise MirrorError."""
    picture = decode_upload(data, name, server_settings().limits.picture_megapixels, _pixel_cache(), visitor())
    _square(picture.shown_id, picture)  # drawn while its pixels are in memory, since more pictures may follow
    return picture


@st.cache_resource(show_spinner=False)
def _pixel_cache() -> PixelCache:
    made = PixelCache(server_settings().limits.picture_megabytes * 2**20)
    activity.add_gauge("picture_bytes", made, lambda cache: cache.bytes)
    return made


@st.cache_data(max_entries=512, max_size="64mb", show_spinner=False)
def strip(shown_ids: Sequence[str], side: int, _pictures: Sequence[Picture]) -> bytes:
    """Return the pictures, each cropped to a square of `side` pixels, in rows of `STRIP_COLUMNS` as a PNG file."""
    columns = min(len(_pictures), STRIP_COLUMNS)
    sheet = np.zeros((-(-len(_pictures) // columns) * side, columns * side, 3), np.uint8)
    for number, picture in enumerate(_pictures):
        top, left = (index * side for index in divmod(number, columns))
        square = _square(picture.shown_id, picture)
        resized = square if side == SQUARE_SIDE else np.asarray(Image.fromarray(square).resize((side, side)))
        sheet[top : top + side, left : left + side] = resized
    return render.png(sheet)


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def band_sheet(picture_id: str, _bands: Tensor) -> Sheet:
    """Return bands (C, H, W), each stretched to its own range, as a contact sheet in grey."""
    images = render.shrink(bands.stretch_bands(_bands[None])[0][:, None].expand(-1, 3, -1, -1), engine.TILE)
    columns = min(len(images), engine.COLUMNS)
    sheet_png = render.png(render.pixels(render.grid(images.cpu(), columns)))
    return Sheet(sheet_png, columns, len(images), len(images))


@st.cache_data(max_entries=1024, max_size="64mb", show_spinner=False)
def _square(shown_id: str, _picture: Picture) -> np.ndarray:
    with _room_for(_picture):
        return np.asarray(ImageOps.fit(Image.fromarray(_picture.pixels), (SQUARE_SIDE, SQUARE_SIDE)))


def _room_for(picture: Picture) -> AbstractContextManager[object]:
    """Let only one large picture be scaled down at a time, since that takes several times the memory of the picture."""
    return _TURNS.take(visitor()) if math.prod(picture.stored.shape[:2]) > _LARGE else nullcontext()


def _shown_key(selection: Selection) -> str:
    """Return a cache key that also changes with the view of the picture, since maps are drawn over it."""
    return f"{request_key(selection.request)} {selection.picture.shown_id}"


@st.cache_data(max_entries=256, show_spinner=False)
def _model_input_rgb(model_name: str, shown_id: str, _selection: Selection) -> np.ndarray:
    with _room_for(_selection.picture):
        rgb: np.ndarray = _selection.model.preprocessing.model_input_rgb(_selection.picture)
    return rgb


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def _input_png(model_name: str, shown_id: str, original: bool, _selection: Selection) -> bytes:
    if not original:
        return render.png(model_input_rgb(_selection))
    picture = _selection.picture
    region = _selection.model.preprocessing.region(picture)
    with _room_for(picture):
        return render.png(render.fade_outside(picture.pixels, region) if region else picture.pixels)


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def _sheet(key: str, first: int, count: int, vmax: float | None, _selection: Selection, _raw: np.ndarray) -> Sheet:
    return engine.sheet(_selection.request, _raw, model_input_rgb(_selection), first, count, vmax)


@st.cache_data(max_entries=512, max_size="64mb", show_spinner=False)
def _thumbnail(key: str, vmax: float | None, side: int, _selection: Selection, _raw: np.ndarray) -> bytes:
    png = sheet(_selection, _raw, 0, engine.PAGE, vmax).png
    image = Image.open(io.BytesIO(png))
    return png if max(image.size) <= side else render.png(np.asarray(ImageOps.contain(image, (side, side))))


@st.cache_data(max_entries=512, show_spinner=False)
def _vmax(key: str, _selection: Selection, _raw: np.ndarray) -> float | None:
    return engine.vmax(_selection.request, _raw, model_input_rgb(_selection))
