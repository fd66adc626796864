"""Draws the page of a figure with Matplotlib, which only this module imports."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path

from mirror_app.export.paper.layout import DPI, LINE, Page, PlacedBox, PlacedPicture, PlacedText

_LOCK = Lock()
_OPTIONS = {
    "pdf.fonttype": 42,  # TrueType: many journals refuse Type 3 fonts
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mirror",  # the same figure gives the same file
}
_FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
ASCENT, CAPITALS, DESCENT = 0.78, 0.73, 0.24  # the heights of its letters above and below the baseline, in font sizes
_MISSING = "\N{REPLACEMENT CHARACTER}"


@contextmanager
def options() -> Iterator[None]:
    """Apply Matplotlib's own defaults and the options of figures.

    The options belong to the whole process: threads take turns, and a program's own options return at the end.
    """
    with _LOCK, matplotlib.style.context(["default", _OPTIONS]):
        yield


@lru_cache(maxsize=4096)
def measure(text: str, size: float) -> float:
    """Return the width of a text in points."""
    width: float = text_to_path.get_text_width_height_descent(text, _font(size), ismath=False)[0]
    return width


def drawable(text: str) -> str:
    """Return a text with a sign in place of each character that the font lacks."""
    characters = _characters()
    return "".join(character if ord(character) in characters else _MISSING for character in text)


@cache
def _characters() -> frozenset[int]:
    return frozenset(get_font(_FONT).get_charmap())


def _font(size: float) -> FontProperties:
    return FontProperties(fname=_FONT, size=size)


def draw(page: Page, file_format: str) -> bytes:
    """Return a page as a file; its metadata name Mirror and Matplotlib, and no time."""
    figure = Figure(figsize=(page.width / DPI, page.height / DPI), dpi=DPI, facecolor="white")
    figure.suppressComposite = True  # each picture is embedded as it is
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, page.width), ylim=(page.height, 0), autoscale_on=False)
    axes.set_axis_off()
    for box in page.boxes:
        _add_box(axes, box)
    for picture in page.pictures:
        _add_picture(axes, picture)
    for text in page.texts:
        _add_text(axes, text)
    file = io.BytesIO()
    # Higher levels take three times as long and save little, as in `render.png`.
    pillow_options: dict[str, Any] = {"pil_kwargs": {"compress_level": 1}} if file_format == "png" else {}
    figure.savefig(file, format=file_format, dpi=DPI, metadata=_metadata(file_format), **pillow_options)
    return file.getvalue()


def _metadata(file_format: str) -> dict[str, Any]:
    creator = f"Mirror {version('mirror-app')}"
    if file_format == "png":
        return {"Software": creator}
    return {"Creator": creator, "CreationDate" if file_format == "pdf" else "Date": None}


def _add_box(axes: Axes, box: PlacedBox) -> None:
    fill, outline = box.fill or "none", box.outline or "none"
    axes.add_patch(
        Rectangle((box.x, box.y), box.width, box.height, facecolor=fill, edgecolor=outline, linewidth=0.4, zorder=2.5)
    )


def _add_picture(axes: Axes, picture: PlacedPicture) -> None:
    image = picture.image
    extent = (picture.x, picture.x + image.width, picture.y + image.height, picture.y)
    axes.imshow(np.asarray(image), extent=extent, interpolation="none", aspect="auto", zorder=2)


def _add_text(axes: Axes, text: PlacedText) -> None:
    """Write each line on its own baseline, so that lines beside each other align whatever letters they have."""
    size, step = text.size * DPI / 72, text.size * DPI / 72 * LINE
    others = (len(text.lines) - 1) * step
    first = {"top": ASCENT * size, "center": CAPITALS / 2 * size - others / 2, "bottom": -DESCENT * size - others}
    for number, line in enumerate(text.lines):
        below = first[text.vertical] + number * step
        x, y = (text.x + below, text.y) if text.rotation else (text.x, text.y + below)
        axes.text(
            x,
            y,
            line,
            fontproperties=_font(text.size),
            color=text.colour,
            horizontalalignment=text.horizontal,
            verticalalignment="baseline",
            rotation=text.rotation,
            rotation_mode="anchor",
            parse_math=False,
        )
