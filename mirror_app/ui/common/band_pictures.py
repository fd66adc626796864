"""Inputs with bands, such as satellite images, shown band by band, as their mean, or with three bands as colours.

The chosen view also applies to the strip of inputs and to the picture under the heat maps, on all pages.
"""

import streamlit as st
from PIL import Image
from torch import Tensor

from mirror_app import render
from mirror_app.images import Picture
from mirror_app.images.bands import stretch_bands
from mirror_app.precision import widened
from mirror_app.ui import store
from mirror_app.ui.appearance import inline
from mirror_app.ui.common.feature_maps import COLOURS, enlarged
from mirror_app.ui.components import readout
from mirror_app.ui.components.tiles import tiles
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import current

ALL, MEAN, THREE = "Band by band", "Mean", "In colour"


def show(picture: Picture, values: Tensor) -> None:
    """Show a picture whose bands are `values` (C, H, W), and let the visitor choose the view."""
    count, height, width = values.shape
    view = st.segmented_control(
        "Show the bands",
        (ALL, MEAN, THREE),
        default=ALL,
        required=True,
        key=widget_state.BAND_VIEW.key,
        label_visibility="collapsed",
        persist_state="session",
        on_change=_show_as_chosen,
    )
    if view == THREE:
        _choose_three(count)
    names = [f"band {number}" for number in range(count)]
    if view == ALL:
        sheet = store.band_sheet(picture.id, values)
        picked = tiles(sheet.png, names, sheet.columns, 88, key="bands", label="Bands", pixelated=False)
        if picked is not None:
            _enlarge(picture.name, names[picked], values[picked])
    elif picture.colours:
        chosen = widened(values[list(picture.colours)]).cpu().numpy()
        planes = [names[number] for number in picture.colours]
        readout.image(render.png(picture.pixels), chosen, "input", alt="The input", planes=planes)
    else:
        inline.picture(render.png(picture.pixels), picture.name, key="input")
    st.caption(f"{picture.name} · {width} × {height} pixels, {count} bands, each stretched to its own range")
    background = ", ".join(f"{names[n]} as {colour}" for n, colour in zip(picture.colours or (), COLOURS, strict=False))
    st.caption(f"Heat maps are drawn over {background or 'the mean of all bands'}.")


def _choose_three(count: int) -> None:
    for column, colour in zip(st.columns(3, gap="xsmall"), COLOURS, strict=True):
        column.selectbox(
            f"{colour.capitalize()} band",
            range(count),
            None,
            key=widget_state.band(colour).key,
            placeholder="None",
            persist_state="session",
            on_change=_show_as_chosen,
        )


def _show_as_chosen() -> None:
    """Show three bands as colours once all three are chosen, since Mirror does not guess which bands are colours."""
    chosen = [widget_state.band(colour).value for colour in COLOURS]
    numbers = [number for number in chosen if number is not None]
    is_complete = widget_state.BAND_VIEW.value == THREE and len(numbers) == len(COLOURS)
    current().show_bands((numbers[0], numbers[1], numbers[2]) if is_complete else None)


@st.dialog("One band", width="medium")
def _enlarge(picture_name: str, name: str, values: Tensor) -> None:
    """Show one enlarged band with its values."""
    height, width = values.shape
    st.markdown(f"**{name.capitalize()}** of {picture_name}: {height} × {width}")
    grey = Image.fromarray(stretch_bands(values[None, None])[0, 0].mul(255).round().byte().cpu().numpy())
    readout.image(enlarged(grey), widened(values).cpu().numpy(), "one-band", alt="The band")
    st.caption(f"Black is {float(values.min()):.3g}, white {float(values.max()):.3g}.")
