"""The cells of a matrix of pictures, which are filled one after another. A click on a cell opens it in Explore."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from mirror_app import live
from mirror_app.engine import Result
from mirror_app.export import matrix
from mirror_app.export.matrix import Axis
from mirror_app.models.transfer import DownloadProgress
from mirror_app.ui import store
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.appearance.style import add_stylesheet
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.compare.cell_state import CellState, vector_message
from mirror_app.ui.state.session import Session, open_in_explore
from mirror_app.ui.store import Selection

WARNING = ":orange[:material/warning:]"
THUMBNAIL_SIDE = 88  # pixels; the side of the picture next to the name of an input


def show(session: Session, base: Selection, rows: Axis, columns: Axis, shared: bool) -> list[CellState]:
    """Show the matrix of variations of `base` and return its cells.

    Cached pictures are shown at once, followed by the others, one by one. With a shared scale, each picture is first
    drawn on the scale of the brightest picture so far. At the end, all are drawn on the scale of the brightest picture
    of all.
    """
    colours = f"--paper: {_theme_colour('background')}; --ring: {_theme_colour('primary')};"
    add_stylesheet("compare", f".st-key-matrix {{ {colours} --columns: {max(1, len(columns.values))}; }}")
    with st.container(key="matrix", gap=None):
        cells = _lay_out(session, base, rows, columns)
    for cell in cells:
        if store.is_loaded(cell.selection.request.model):
            cell.resolve(session, base, lambda selection: store.cached_result(selection.request))
        if not cell.done:
            cell.picture_slot.caption("…")
    waiting = [cell for cell in cells if not cell.done]
    failures: dict[str, str] = {}
    _draw_finished(cells, shared)
    for cell in waiting:
        _fetch_model(cell, failures)
        if not cell.message:
            cell.resolve(session, base, partial(_compute, cell))
        _draw(cell, _largest_vmax(cells) if shared else None)
    _draw_finished(cells, shared)
    return cells


def _theme_colour(name: str) -> str:
    """Return a colour of the theme as CSS, for light and dark pages."""
    colours = (st.get_option(f"theme.{scheme}.{name}Color") for scheme in ("light", "dark"))
    return f"light-dark({', '.join(colour or 'Canvas' for colour in colours)})"


def _lay_out(session: Session, base: Selection, rows: Axis, columns: Axis) -> list[CellState]:
    """Draw the names of rows and columns and an empty slot for each picture; return the cells, row by row."""
    cells = []
    with st.container(key="row-names"):
        st.container(key="corner").empty()
        for value, name in zip(columns.values, columns.names, strict=True):
            _show_name(session, columns.field, value, name)
    for row, (row_value, name) in enumerate(zip(rows.values, rows.names, strict=True)):
        with st.container(key=f"row-{row}"):
            _show_name(session, rows.field, row_value, name)
            for column, column_value in enumerate(columns.values):
                changes = {rows.field: row_value, columns.field: column_value}
                request = matrix.with_changes(base.request, changes)
                selection = Selection.of(request, session.pictures[request.input])
                with st.container(key=f"spot-{row}-{column}", gap=None):
                    with st.container(key=f"cell-{row}-{column}", gap=None):
                        overlay, picture_slot = st.empty(), st.empty()
                    with st.container(key=f"below-{row}-{column}"):
                        caption_slot = st.empty()
                cells.append(CellState(row, column, changes, selection, overlay, picture_slot, caption_slot))
    return cells


def _show_name(session: Session, field: str, value: str, name: str) -> None:
    with st.container(gap="xxsmall"):
        if field == "input":
            picture = session.pictures[value]
            thumbnail = store.strip([picture.shown_id], THUMBNAIL_SIDE, [picture])
            st.image(data_url(thumbnail), alt="", width=THUMBNAIL_SIDE // 2)
        st.caption(literal(name))


def _fetch_model(cell: CellState, failures: dict[str, str]) -> None:
    """Load the model of a cell and show the progress in the cell; a model that failed once is not tried again."""
    name = cell.selection.request.model

    def on_progress(fetched: DownloadProgress | None) -> None:
        state = f"Building {live.display_name(name)}" if fetched is None else f"Downloading {name}: {fetched.share:.0%}"
        cell.picture_slot.caption(literal(f"{state} …"))

    if name not in failures:
        try:
            store.fetch(name, on_progress)
        except Exception as error:
            failures[name] = page_parts.error_message(error)
    cell.message = failures.get(name, "")


def _compute(cell: CellState, selection: Selection) -> Result:
    def on_progress(state: str) -> None:
        cell.picture_slot.caption(f"{state} …")

    return store.result(selection, on_progress)


def _largest_vmax(cells: Sequence[CellState]) -> float | None:
    return max((cell.own_vmax for cell in cells if cell.own_vmax is not None), default=None)


def _draw_finished(cells: Sequence[CellState], shared: bool) -> None:
    vmax = _largest_vmax(cells) if shared else None
    for cell in cells:
        if cell.done:
            _draw(cell, vmax)


def _draw(cell: CellState, shared_vmax: float | None) -> None:
    """Draw a cell's picture, and over it a button that opens Explore, unless the picture is already on this scale."""
    vmax = None if cell.own_vmax is None else shared_vmax
    if cell.drawn and cell.vmax == vmax:
        return
    if cell.result is None:
        cell.picture_slot.caption(literal(cell.message))
    else:
        if not cell.drawn:
            _add_overlay(cell)
            _show_caption(cell)
        raw = cell.result.raw
        if raw.ndim == 2:
            cell.picture_slot.caption(vector_message(raw.shape[1]))
        else:
            png = store.thumbnail(cell.selection, raw, vmax)
            cell.picture_slot.image(data_url(png), width="stretch", alt=cell.title)
    cell.drawn, cell.vmax = True, vmax


def _add_overlay(cell: CellState) -> None:
    """Lay a button over a picture; its label and its tooltip contain the note."""
    tooltip = f"{cell.title}{f', for {cell.caption}' if cell.caption else ''}"
    cell.overlay.button(
        literal(f"Open {cell.title} in Explore{f'. {cell.note}' if cell.note else ''}"),
        key=f"open-{cell.row}-{cell.column}",
        help=literal(tooltip) + (f"\n\n{WARNING} {literal(cell.note)}" if cell.note else ""),
        on_click=open_in_explore,
        args=(cell.selection.request,),
    )


def _show_caption(cell: CellState) -> None:
    """Show the target below a picture, with a warning sign if there is a note."""
    parts = [WARNING] if cell.note else []
    parts += [literal(cell.caption)] if cell.caption else []
    if parts:
        cell.caption_slot.caption(" ".join(parts))
