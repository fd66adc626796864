"""A picture whose numbers are told where one points at it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import streamlit as st

from mirror_app.render import Legend
from mirror_app.ui.appearance.inline import picture
from mirror_app.ui.components.from_folder import from_folder

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
) -> tuple[int, int] | None:
    """Show a PNG file, and below it the number of the place that one points at; return the place picked in this run.

    values: (rows, columns), spread evenly over the picture, or (planes, rows, columns) where a place has several
    numbers: `planes` are their names. They travel as shares of the largest of their plane in 16 bits, which is more
    than the three digits that are told; where `names` are given they are numbers of these.
    legend: what the colours of the picture mean; it stands beside the number, which it marks.
    picks: whether a click, or Enter, picks a place, (row, column).
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
        "label": f"{alt}: the arrow keys go from place to place" + (", Enter picks one" if picks else ""),
        "hint": hint,
        "legend": asdict(legend) if legend else None,
        "picks": picks,
    }
    with st.container(gap=None):
        picture(png, alt, key)
        # The numbers travel apart, as bytes: what changes about the line does not send them again.
        shares = values / np.array(scales)[:, None, None]
        _component(key=f"{key}.values", data=shares.astype("<f2").tobytes())
        picked = _component(key=key, data=data, on_picked_change=lambda: None).picked
    return (int(picked[0]), int(picked[1])) if picked else None
