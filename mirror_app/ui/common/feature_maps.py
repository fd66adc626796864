"""Results with many images: a contact sheet in pages, and a dialog that enlarges one image."""

import io
from dataclasses import replace

import numpy as np
import streamlit as st
from PIL import Image

from mirror_app import engine, live
from mirror_app.engine import PAGE, Result
from mirror_app.ui import store
from mirror_app.ui.common import picking
from mirror_app.ui.components import readout
from mirror_app.ui.components.tiles import tiles
from mirror_app.ui.state.session import choose
from mirror_app.ui.store import Selection
from mirror_app.visualisations.registry import Entry

COLOURS = ("red", "green", "blue")


@st.fragment
def show_sheet(selection: Selection, result: Result, count: int) -> None:
    """Show the images of a selection in pages of 64; a click enlarges one."""
    live.restore_program()  # a fragment runs without main.py, which does this for pages
    pages = -(-count // PAGE)
    film = result.info.layers is not None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key, size = ("frame", 152) if film else ("tile", 72)
        width = st.slider("Size of the maps", 32, 240, size, 8, key=key, persist_state="session", width=170)
        page = st.pagination(pages, key=f"page.{selection.request.layer}", width="stretch") if pages > 1 else 1
    first = (page - 1) * PAGE
    sheet = store.sheet(selection, result.raw, first, PAGE)
    names = _names(selection, result, count)[first : first + sheet.shown]
    entry = selection.entry
    label = "Feature maps" if entry.kind.image_per_channel else entry.name
    picked = tiles(sheet.png, names, sheet.columns, width, key="maps", label=label, pixelated=not film)
    if picked is not None:
        _enlarge(selection, result, first + picked, count)


def _names(selection: Selection, result: Result, count: int) -> list[str]:
    """Return the names of the images of a result, in the order of the images: names of layers, or numbers."""
    if result.info.layers:
        return result.info.layers
    return [str(number) for number in engine.order(selection.request, result.raw) or range(count)]


def _values(entry: Entry, raw: np.ndarray, number: int, count: int) -> np.ndarray:
    """Return the values of one of `count` images: (3, h, w) if it is shown in colour, (1, h, w) if not."""
    planes = raw.reshape(count, -1, *raw.shape[-2:])[number]
    in_colour = len(planes) == len(COLOURS) and entry.look.shows_rgb
    return planes if in_colour else planes.sum(0, keepdims=True)


@st.dialog("One image", width="medium")
def _enlarge(selection: Selection, result: Result, number: int, count: int) -> None:
    """Show one enlarged image with its statistics."""
    image = Image.open(io.BytesIO(store.sheet(selection, result.raw, number, 1).png))
    name = _names(selection, result, count)[number]
    if result.info.layers:
        _head_of_stage(selection, name)
    else:
        noun = result.info.image or "map"
        title = f"{noun.capitalize()} {name}" if name.isdigit() else name
        st.markdown(f"**{title}** of `{selection.layer_name}`: {image.height} × {image.width}")
    channel = int(name) if name.isdigit() else number
    values = _values(selection.entry, result.raw, channel, count)
    picks = selection.entry.kind.image_per_channel
    buttons = st.container()
    clicked_cell = readout.image(
        enlarged(image),
        values,
        "one-map",
        alt="The map" if picks else "The image",
        planes=COLOURS if len(values) > 1 else ("",),
        picks=picks,
    )
    if picks:
        with buttons:
            picking.offer_map(f"{selection.request.layer}:{channel}", clicked_cell)
    statistics = {
        "Minimum": values.min(),
        "Maximum": values.max(),
        "Mean": values.mean(),
        "Zeros": np.mean(values == 0),
    }
    for column, (name, value) in zip(st.columns(4), statistics.items(), strict=True):
        column.metric(name, f"{value:.0%}" if name == "Zeros" else f"{value:.3g}")


def _head_of_stage(selection: Selection, layer: str) -> None:
    """Name the layer of this picture when all stages are shown, with a button that shows the layer alone."""
    st.markdown(f"**{selection.entry.name}** at `{layer}`")
    st.caption("The maps of all stages are enlarged to the size of the input, which smooths narrow peaks.")
    if st.button("Show this layer alone", on_click=choose, args=(replace(selection.request, layer=layer),)):
        st.rerun()  # reruns the whole page, not only this fragment


def enlarged(map_: Image.Image) -> bytes:
    """Return a small map as a PNG file of about 512 pixels, with a square for each cell."""
    cell = max(1, 512 // max(map_.size))
    file = io.BytesIO()
    map_.resize((map_.width * cell, map_.height * cell), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()
