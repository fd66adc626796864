"""The model input as a picture to click, for visualisations that start from a location in it."""

import io
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from mirror_app.params import Location
from mirror_app.ui import store
from mirror_app.ui.components import readout
from mirror_app.ui.components.reported import cell_within
from mirror_app.ui.state import widget_state
from mirror_app.ui.store import Selection
from mirror_app.visualisations.registry import Entry

MAX_CELLS = 32  # along each side: how finely a location can be chosen
HINT = "Click a location to see what it attends to."
RINGS = ((6, "black"), (5, "white"), (4, "white"), (3, "black"))  # radius in hundredths of the picture, colour


def parameter(entry: Entry) -> str | None:
    """Return the name of the parameter of `entry` that is a location, or None."""
    return next((name for name, each in entry.method_params.items() if isinstance(each, Location)), None)


def show(selection: Selection) -> None:
    """Show the model input with the chosen location marked; a click chooses another."""
    pixels = store.model_input_rgb(selection)
    height, width = pixels.shape[:2]
    rows, columns = min(height, MAX_CELLS), min(width, MAX_CELLS)
    brightness = Image.fromarray(pixels).convert("L").resize((columns, rows), Image.Resampling.BOX)
    choose = partial(_choose, selection.entry, (rows, columns), (height / rows, width / columns))
    readout.image(
        _marked(pixels, str(dict(selection.request.params).get(parameter(selection.entry) or "", ""))),
        np.asarray(brightness, np.float32) / 255,
        widget_state.PICKED_LOCATION.key,
        alt=selection.picture.name,
        hint=HINT,
        picks=True,
        on_pick=choose,
    )


def _choose(entry: Entry, grid: tuple[int, int], cell_size: tuple[float, float]) -> None:
    """Select the location in the middle of the picked cell of a grid. A callback of the picture."""
    name, cell = parameter(entry), cell_within(*grid, widget_state.PICKED_LOCATION.value)
    if name and cell:
        row, column = (int((index + 0.5) * size) for index, size in zip(cell, cell_size, strict=True))
        widget_state.param(entry, name).value = f"{row},{column}"


def _marked(pixels: np.ndarray, location: str) -> bytes:
    """Return the picture as a PNG file, with a ring around a location, "row,column"."""
    image = Image.fromarray(pixels)
    row, _, column = location.partition(",")
    if row.strip().isdecimal() and column.strip().isdecimal():
        x, y, draw = int(column), int(row), ImageDraw.Draw(image)
        for hundredths, colour in RINGS:
            radius = max(2.0, hundredths * min(image.size) / 100)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=1)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
