"""The cells of a matrix of pictures, which are filled one after another. A click on a cell opens it in Explore."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import live
from mirror_app.engine import Result
from mirror_app.export import matrix
from mirror_app.export.matrix import INPUT, Axis
from mirror_app.images import Picture
from mirror_app.models.transfer import DownloadProgress
from mirror_app.ui import store
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.appearance.style import add_stylesheet
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.compare import colour_bars
from mirror_app.ui.compare.arrangement import COLUMN, ROW, Arrangement
from mirror_app.ui.compare.cell_state import CellState, vector_message
from mirror_app.ui.state.session import Session, open_in_explore
from mirror_app.ui.store import Selection

WARNING = ":orange[:material/warning:]"
THUMBNAIL_SIDE = 88  # pixels; the side of the picture next to the name of an input


def show(session: Session, base: Selection, arrangement: Arrangement) -> list[CellState]:
    """Show the matrix of variations of `base` and return its cells.

    Cached pictures are shown at once, followed by the others, one by one. If pictures share a scale, each is first
    drawn on the scale of the brightest of them so far. At the end, they are drawn on the scale of the brightest of all.
    """
    colours = f"--paper: {_theme_colour('background')}; --ring: {_theme_colour('primary')};"
    has_input_column = arrangement.input_axis is arrangement.rows
    column_count = max(1, len(arrangement.columns.values)) + has_input_column
    add_stylesheet("compare", f".st-key-matrix {{ {colours} --columns: {column_count}; }}")
    with st.container(key="matrix", gap=None):
        cells, bar_slots = _lay_out(session, base, arrangement)
    for cell in cells:
        if store.is_loaded(cell.selection.request.model):
            cell.resolve(session, base, lambda selection: store.cached_result(selection.request))
        if not cell.done:
            cell.picture_slot.caption("…")
    waiting = [cell for cell in cells if not cell.done]
    failures: dict[str, str] = {}
    _draw_finished(cells, arrangement, bar_slots)
    for cell in waiting:
        _fetch_model(cell, failures)
        if not cell.message:
            cell.resolve(session, base, partial(_compute, cell))
        _draw(cell, arrangement.vmax(cell, cells))
    _draw_finished(cells, arrangement, bar_slots)
    return cells


def _theme_colour(name: str) -> str:
    """Return a colour of the theme as CSS, for light and dark pages."""
    colours = (st.get_option(f"theme.{scheme}.{name}Color") for scheme in ("light", "dark"))
    return f"light-dark({', '.join(colour or 'Canvas' for colour in colours)})"


def _lay_out(
    session: Session, base: Selection, arrangement: Arrangement
) -> tuple[list[CellState], dict[int, DeltaGenerator]]:
    """Draw the names of rows and columns, the inputs, and an empty slot for each picture.

    Returns:
        The cells, row by row, and below the name of each row or column the slot for the colour bar of its cells.
    """
    rows, columns, input_axis = arrangement.rows, arrangement.columns, arrangement.input_axis
    cells, bar_slots = [], {}
    with st.container(key="row-names"):
        st.container(key="corner").empty()
        if input_axis is rows:
            st.container().caption(INPUT)
        for column in range(len(columns.values)):
            slot = _show_name(session, columns, column, is_shown=input_axis is columns)
            if arrangement.scale == COLUMN:
                bar_slots[column] = slot
    if input_axis is columns and columns.values:
        with st.container(key="row-inputs"):
            st.container().caption(INPUT)
            for number, value in enumerate(columns.values):
                _show_input(base, session.pictures[value], number)
    for row, row_value in enumerate(rows.values):
        with st.container(key=f"row-{row}"):
            slot = _show_name(session, rows, row, is_shown=input_axis is rows)
            if arrangement.scale == ROW:
                bar_slots[row] = slot
            if input_axis is rows:
                _show_input(base, session.pictures[row_value], row)
            for column, column_value in enumerate(columns.values):
                changes = {rows.field: row_value, columns.field: column_value}
                request = matrix.with_changes(base.request, changes)
                selection = Selection.of(request, session.pictures[request.input])
                cells.append(_lay_out_cell(row, column, changes, selection))
    return cells, bar_slots


def _lay_out_cell(row: int, column: int, changes: dict[str, str], selection: Selection) -> CellState:
    with st.container(key=f"spot-{row}-{column}", gap=None):
        with st.container(key=f"cell-{row}-{column}", gap=None):
            overlay, picture_slot = st.empty(), st.empty()
        with st.container(key=f"below-{row}-{column}"):
            caption_slot = st.empty()
    return CellState(row, column, changes, selection, overlay, picture_slot, caption_slot)


def _show_name(session: Session, axis: Axis, number: int, *, is_shown: bool) -> DeltaGenerator:
    """Show the name of a row or column, with a small picture of an input unless it `is_shown` already.

    Returns:
        A slot below the name.
    """
    with st.container(gap="xxsmall"):
        if axis.field == "input" and not is_shown:
            picture = session.pictures[axis.values[number]]
            thumbnail = store.strip([picture.shown_id], THUMBNAIL_SIDE, [picture])
            st.image(data_url(thumbnail), alt="", width=THUMBNAIL_SIDE // 2)
        st.caption(literal(axis.names[number]))
        return st.empty()


def _show_input(base: Selection, picture: Picture, number: int) -> None:
    with st.container(key=f"input-{number}", gap=None):
        png = input_png(base, picture)
        if isinstance(png, bytes):
            st.image(data_url(png), width="stretch", alt=picture.name)
        else:
            st.caption(literal(png))


def input_png(base: Selection, picture: Picture) -> bytes | str:
    """Return a picture as the sidebar's model receives it, as a PNG file; a message if the model cannot receive it."""
    try:
        return store.input_png(replace(base, picture=picture), original=False)
    except Exception as error:
        return page_parts.error_message(error)


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


def _draw_finished(cells: Sequence[CellState], arrangement: Arrangement, bar_slots: dict[int, DeltaGenerator]) -> None:
    """Draw the cells that have a result or a message, and the colour bars of their scales."""
    for cell in cells:
        if cell.done:
            _draw(cell, arrangement.vmax(cell, cells))
    for group, slot in bar_slots.items():
        vmax = next((cell.vmax for cell in cells if cell.vmax and arrangement.group(cell) == group), None)
        colour_bars.show(slot, arrangement.legends(group, cells), vmax)


def _draw(cell: CellState, vmax: float | None) -> None:
    """Draw a cell's picture, and over it a button that opens Explore, unless the picture is already on this scale."""
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
