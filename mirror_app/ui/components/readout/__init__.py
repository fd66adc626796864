"""A picture with a line below it that shows the values under the pointer."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import streamlit as st

from mirror_app.render import Legend
from mirror_app.ui.appearance.inline import picture
from mirror_app.ui.components.from_folder import from_folder
from mirror_app.ui.components.reported import cell_within

_component = from_folder(Path(__file__).parent)
HINT = "Hover over the picture to read values."


def image(
    png: bytes,
    values: np.ndarray,
    key: str,
    *,
    alt: str,
    hint: str = HINT,
    legend: Legend | None = None,
    names: Sequence[str] | None = None,
    planes: Sequence[str] = ("",),
    picks: bool = False,
    on_pick: Callable[[], None] | None = None,
    on_draw: Callable[[], None] | None = None,
) -> tuple[int, int] | None:
    """Show a PNG file, and below it the value of the cell under the pointer.

    Args:
        png: The picture.
        values: A grid of cells over the picture, (rows, columns), or (planes, rows, columns) if a cell has several
            values. Each value is sent as a fraction of its plane's largest magnitude, in 16 bits, which is more
            precise than the three digits shown.
        key: The key of the component, unique on the page.
        alt: The alternative text of the picture.
        hint: The text below the picture when no cell is under the pointer.
        legend: A colour bar, shown next to the value, with a tick at the value.
        names: If given, the values are indices into these names, and the names are shown.
        planes: The names of the planes.
        picks: Whether a click, or Enter, picks a cell.
        on_pick: Called at the start of the run that a pick causes; the cell is in `ComponentValue(key, "picked")`.
        on_draw: If given, rectangles can be drawn; called like `on_pick`, with the rectangle in
            `ComponentValue(key, "drawn")`.

    Returns:
        The cell picked in this run, (row, column), or None.
    """
    rows, columns = values.shape[-2:]
    values = values.reshape(-1, rows, columns)
    scales = [1.0 if names else float(np.abs(plane).max()) or 1.0 for plane in values]
    data = {
        "rows": rows,
        "columns": columns,
        "scales": scales,
        "planes": list(planes),
        "names": None if names is None else list(names),
        "label": f"{alt}: use the arrow keys to move between cells" + (", Enter to pick one" if picks else ""),
        "hint": hint,
        "legend": asdict(legend) if legend else None,
        "picks": picks,
        "draws": on_draw is not None,
    }
    with st.container(gap=None):
        picture(png, alt, key)
        # The values are sent separately, as bytes, so that a change of the other data does not send them again.
        fractions = values / np.array(scales)[:, None, None]
        _component(key=f"{key}.values", data=fractions.astype("<f2").tobytes())
        reported = _component(
            key=key, data=data, on_picked_change=on_pick or _nothing, on_drawn_change=on_draw or _nothing
        )
    return cell_within(rows, columns, reported.picked)


def _nothing() -> None:
    """Do nothing: Streamlit passes on only what a component reports if there is a callback for it."""
