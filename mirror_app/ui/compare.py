"""The parts of the compare page: what the rows and columns are, the requests of the cells, the matrix as it fills."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from mirror_app import layers, live, matrix, registry, render
from mirror_app.engine import PAGE
from mirror_app.errors import MirrorError
from mirror_app.matrix import Cell
from mirror_app.params import Value
from mirror_app.request import Request
from mirror_app.ui import cache, choices, views
from mirror_app.ui.session import Session, open_in_explore

AXES = ("visualisations", "inputs", "layers", "models")
METHODS = ("grad-cam", "layer-cam", "back-prop", "integrated-gradients")  # what is compared first, where it is offered
FIRST_INPUTS = 4
MOST = 64  # cells

Axis = dict[str, str]  # what stands in the rows, or the columns: its names by what a request calls it


def choose_axes(session: Session) -> tuple[tuple[str, Axis], tuple[str, Axis]]:
    """Let the visitor choose what the rows and the columns are; return what they are and what they hold."""
    beside = st.columns(2, gap="large")
    with beside[0]:
        rows = choices.one("compare.rows", "Rows", AXES, "What differs from row to row.", str.capitalize)
    others = [axis for axis in AXES if axis != rows]
    with beside[1]:
        columns = choices.one("compare.columns", "Columns", others, "What differs by column.", str.capitalize)
    found = []
    for place, axis in zip(beside, (rows, columns), strict=True):
        with place:
            found.append((axis, _held(session, axis)))
    return found[0], found[1]


def _held(session: Session, axis: str) -> Axis:
    """Let the visitor choose what stands on an axis."""
    base = session.request
    match axis:
        case "visualisations":
            options = {entry.key: entry.name for entry in session.entries}
            default = [base.visualisation, *(key for key in METHODS if key in options and key != base.visualisation)]
        case "inputs":
            options = {picture.id: picture.name for picture in session.pictures.values()}
            default = [base.input, *(id_ for id_ in options if id_ != base.input)][:FIRST_INPUTS]
        case "layers":
            listed = cache.tree(base.model)
            reached = [layer for layer in listed if layer.call and len(layer.call.shape or ()) > 1]
            options = {layer.name: layer.name or live.shown(base.model) for layer in reached}
            default = [name for name in layers.stages(listed) if name in options]
        case _:
            options = {name: live.shown(name) for name in session.models}
            default = [base.model] if base.model in options else list(options)[:1]
    chosen = choices.several(f"compare.{axis}", axis.capitalize(), list(options), default, options.__getitem__)
    return {key: options[key] for key in chosen}


def request_of(base: Request, changes: dict[str, str]) -> Request:
    """Return `base` with another model, layer, input or visualisation; raise MirrorError where that has no tree.

    Another model is looked at where the page would begin. Another visualisation keeps the target and nothing else.
    """
    request = base
    if changes.get("models", base.model) != base.model:
        cache.fetch(changes["models"], lambda _: None)
        request = replace(request, model=changes["models"], layer=layers.first_look(cache.tree(changes["models"])))
    if changes.get("visualisations", base.visualisation) != base.visualisation:
        entry = registry.get(changes["visualisations"])
        kept: dict[str, Value] = {name: value for name, value in base.params if name == "target_class"}
        own = {name: value for name, value in kept.items() if name in entry.params}
        request = replace(request, visualisation=entry.key, params=entry.canonical(own))
    return replace(request, layer=changes.get("layers", request.layer), input=changes.get("inputs", request.input))


def show(session: Session, rows: tuple[str, Axis], columns: tuple[str, Axis], shared: bool) -> None:
    """Show the matrix, cell by cell as they are done, and offer it as files."""
    if not (rows[1] and columns[1]):
        st.info("Choose at least one of each.", icon=":material/grid_view:")
        return
    if len(rows[1]) * len(columns[1]) > MOST:
        raise MirrorError(
            f"A matrix of {len(rows[1])} × {len(columns[1])} is too large: at most {MOST} cells can be compared."
        )
    slots = _slots(list(rows[1].values()), list(columns[1].values()))
    bar = st.empty()
    cells: dict[tuple[str, str], Cell] = {}
    for (row, row_name), (column, column_name) in _pairs(rows[1], columns[1]):
        place = (row_name, column_name)
        bar.progress(len(cells) / len(slots), f"{len(cells)} of {len(slots)} …")
        cells[place] = _computed(session, {rows[0]: row, columns[0]: column})
        _fill(slots[place], cells[place], " · ".join(place), last=not shared)
    if shared:
        cells = _on_one_scale(session, cells)
        for place, cell in cells.items():
            _fill(slots[place], cell, " · ".join(place), last=True)
    bar.empty()
    _offer(list(rows[1].values()), list(columns[1].values()), cells)


def _pairs(rows: Axis, columns: Axis) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    return [(row, column) for row in rows.items() for column in columns.items()]


def _slots(rows: Sequence[str], columns: Sequence[str]) -> dict[tuple[str, str], DeltaGenerator]:
    """Draw the names and an empty place for each cell."""
    slots = {}
    widths = [1.2] + [2.0] * len(columns)
    with st.container(key="matrix"):
        for place, name in zip(st.columns(widths, gap="small")[1:], columns, strict=True):
            place.markdown(f"**{views.literal(name)}**")
        for row in rows:
            head, *places = st.columns(widths, gap="small", vertical_alignment="center")
            head.markdown(f"**{views.literal(row)}**")
            for place, column in zip(places, columns, strict=True):
                slots[row, column] = place.empty()
                slots[row, column].container(height=180, border=True)
    return slots


def _computed(session: Session, changes: dict[str, str]) -> Cell:
    """Return the cell of the sidebar's request with those changes; what is refused says why."""
    request = session.request
    try:
        request = request_of(session.request, changes)
        picture = session.pictures[request.input]
        result = cache.result(request, picture, lambda _: None)
        if result.raw.ndim == 2:
            return Cell(request, raw=result.raw, refusal=f"{result.raw.shape[1]} numbers, and no picture.")
        return Cell(request, cache.sheet(request, result.raw, picture, 0, PAGE).png, result.raw)
    except MirrorError as error:
        return Cell(request, refusal=str(error))


def _on_one_scale(session: Session, cells: matrix.Cells) -> dict[tuple[str, str], Cell]:
    """Return the cells painted again such that one magnitude has the full colour in all of them."""

    def look(cell: Cell) -> render.Look:
        return registry.get(cell.request.visualisation).kind.look

    raws = {
        place: cell.raw
        for place, cell in cells.items()
        if cell.raw is not None and cell.png and registry.get(cell.request.visualisation).scaled
    }
    magnitudes = [render.magnitude(torch.from_numpy(raw), look(cells[place])) for place, raw in raws.items()]
    found = dict(cells)
    for place, raw in raws.items():
        cell = cells[place]
        sheet = cache.sheet(cell.request, raw, session.pictures[cell.request.input], 0, PAGE, max(magnitudes))
        found[place] = replace(cell, png=sheet.png)
    return found


def _fill(slot: DeltaGenerator, cell: Cell, name: str, last: bool) -> None:
    """Show a cell; only what is the `last` to stand there can be opened."""
    with slot.container(gap="xsmall"):
        if not cell.png:
            st.caption(views.literal(cell.refusal))
            return
        st.image(cell.png, width="stretch", output_format="PNG", alt=name)
        if not last:
            return
        st.button(
            f"Open {views.literal(name)}",
            key=f"open {name}",
            type="tertiary",
            icon=":material/open_in_full:",
            help="Open it in Explore.",
            width="stretch",
            on_click=open_in_explore,
            args=(cell.request,),
        )


def _offer(rows: Sequence[str], columns: Sequence[str], cells: matrix.Cells) -> None:
    with st.popover("Download", icon=":material/download:", key="download"):
        for label, ending, mime, made in (
            ("Picture", ".png", "image/png", matrix.drawn),
            ("Everything", ".zip", "application/zip", matrix.package),
        ):
            data = partial(made, rows, columns, cells)
            st.download_button(f"{label} ({ending})", data, f"matrix{ending}", mime, on_click="ignore", width="stretch")
