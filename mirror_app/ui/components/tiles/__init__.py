"""Pictures of one size side by side, in which one can be clicked: a contact sheet, a strip of inputs."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from PIL import Image

from mirror_app.ui.components.from_folder import from_folder

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
    """Show the tiles of a sheet as buttons and return the index of the one picked in this run, or None.

    sheet: one PNG of len(names) tiles of one size, row after row without gaps, `columns` in a row.
    width: of a tile on the screen, in CSS pixels; how many stand in a row follows from the room there is.
    selected: the index of the tile that wears a ring; None where a pick does not last.
    label: what the tiles are together, for those who hear the page.
    pixelated: enlarge without smoothing.
    in_a_row: all in one row, which scrolls where there is no room.
    on_pick: called at the start of the run that a pick causes; `st.session_state[key].picked` is the index.
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
        # The pixels travel apart, as bytes: what changes about the tiles does not send them again.
        _component(key=f"{key}.sheet", data=sheet)
        picked = _component(key=key, data=data, on_picked_change=on_pick or (lambda: None)).picked
    return picked if picked in range(len(names)) else None
