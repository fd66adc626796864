"""Clickable pictures of one size, side by side: a contact sheet or a strip of inputs."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from PIL import Image

from mirror_app.ui.components.from_folder import from_folder
from mirror_app.ui.components.reported import index_below

_component = from_folder(Path(__file__).parent)


def tiles(
    sheet: bytes,
    names: Sequence[str],
    columns: int,
    width: int,
    key: str,
    *,
    selected: int | None = None,
    label: str,
    captions: bool = True,
    pixelated: bool = True,
    in_a_row: bool = False,
    on_pick: Callable[[], None] | None = None,
) -> int | None:
    """Show the tiles of a sheet as buttons.

    Args:
        sheet: A PNG file with len(names) tiles of one size, row by row without gaps.
        names: The names of the tiles.
        columns: The number of tiles in a row of the sheet.
        width: The width of a tile on the screen, in CSS pixels. The page's width decides how many tiles fit in a row.
        key: The key of the component, unique on the page.
        selected: The index of the tile with a ring around it; None if a pick is not a lasting selection.
        label: A name for all tiles together, for screen readers.
        captions: Whether to show the names below the tiles.
        pixelated: Whether to enlarge without smoothing.
        in_a_row: Whether to show all tiles in one row, which scrolls.
        on_pick: Called at the start of the run that a pick causes; the index is in `ComponentValue(key, "picked")`.

    Returns:
        The index of the tile picked in this run, or None.
    """
    rows = -(-len(names) // columns)
    size = Image.open(io.BytesIO(sheet)).size
    data = {
        "names": list(names),
        "columns": columns,
        "rows": rows,
        "width": width,
        "ratio": (size[0] / columns) / (size[1] / rows),
        "selected": selected,
        "label": label,
        "captions": captions,
        "pixelated": pixelated,
        "row": in_a_row,
    }
    with st.container(gap=None):
        # The pixels are sent separately, as bytes, so that a change of the tiles does not send them again.
        _component(key=f"{key}.sheet", data=sheet)
        picked = _component(key=key, data=data, on_picked_change=on_pick or (lambda: None)).picked
    return index_below(len(names), picked)
