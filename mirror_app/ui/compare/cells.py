"""The cells of a matrix of pictures: they fill one after the other, and each opens in Explore."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from mirror_app import live
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.export import matrix
from mirror_app.export.matrix import Axis
from mirror_app.models.download import Fetched
from mirror_app.ui import store
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.appearance.style import style
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.compare.cell_state import CellState, numbers
from mirror_app.ui.state.session import Session, open_in_explore

WARNING = ":orange[:material/warning:]"
HEAD = 88  # pixels: the side of the picture with the name of an input


def show(session: Session, rows: Axis, columns: Axis, shared: bool) -> list[CellState]:
    """Show the matrix and return its places: what is cached at once, then picture by picture.

    Where they share one scale it is that of the brightest so far, and at the end that of the brightest of all.
    """
    colours = f"--paper: {_theme('background')}; --ring: {_theme('primary')};"
    style("compare", f".st-key-matrix {{ {colours} --columns: {max(1, len(columns.values))}; }}")
    with st.container(key="matrix", gap=None):
        places = _laid_out(session, rows, columns)
    for place in places:
        if store.is_loaded(place.request.model):
            place.resolve(session, store.cached_result)
        if not place.done:
            place.picture_slot.caption("…")
    waiting = [place for place in places if not place.done]
    refused: dict[str, str] = {}
    _draw_those_done(places, shared)
    for place in waiting:
        _fetch(place, refused)
        if not place.message:
            place.resolve(session, partial(_computed, place))
        _draw(place, _brightest(places) if shared else None)
    _draw_those_done(places, shared)
    return places


def _theme(name: str) -> str:
    """Return the CSS of a colour of the theme, light or dark as the page is."""
    colours = (st.get_option(f"theme.{kind}.{name}Color") for kind in ("light", "dark"))
    return f"light-dark({', '.join(colour or 'Canvas' for colour in colours)})"


def _laid_out(session: Session, rows: Axis, columns: Axis) -> list[CellState]:
    """Draw the names, and a place for each picture."""
    places = []
    with st.container(key="row-names"):
        st.container(key="corner").empty()
        for value, name in zip(columns.values, columns.names, strict=True):
            _show_name(session, columns.field, value, name)
    for r, (value, name) in enumerate(zip(rows.values, rows.names, strict=True)):
        with st.container(key=f"row-{r}"):
            _show_name(session, rows.field, value, name)
            for c, other in enumerate(columns.values):
                changes = {rows.field: value, columns.field: other}
                request = matrix.varied(session.request, changes)
                with st.container(key=f"spot-{r}-{c}", gap=None):
                    with st.container(key=f"cell-{r}-{c}", gap=None):
                        overlay, picture_slot = st.empty(), st.empty()
                    with st.container(key=f"below-{r}-{c}"):
                        caption_slot = st.empty()
                places.append(
                    CellState(
                        r, c, changes, request, session.pictures[request.input], overlay, picture_slot, caption_slot
                    )
                )
    return places


def _show_name(session: Session, field: str, value: str, name: str) -> None:
    with st.container(gap="xxsmall"):
        if field == "input":
            picture = session.pictures[value]
            st.image(data_url(store.strip([picture.shown_id], HEAD, [picture])), alt="", width=HEAD // 2)
        st.caption(literal(name))


def _fetch(place: CellState, refused: dict[str, str]) -> None:
    """See that the model of a place is there, and say that it comes; one that cannot be fetched is tried once."""
    name = place.request.model

    def say(fetched: Fetched | None) -> None:
        state = f"Building {live.shown(name)}" if fetched is None else f"Fetching {name}: {fetched.share:.0%}"
        place.picture_slot.caption(literal(f"{state} …"))

    if name not in refused:
        try:
            store.fetch(name, say)
        except Exception as error:
            refused[name] = page_parts.error_message(error)
    place.message = refused.get(name, "")


def _computed(place: CellState, request: Request) -> Result:
    def say(state: str) -> None:
        place.picture_slot.caption(f"{state} …")

    return store.result(request, place.picture, say)


def _brightest(places: Sequence[CellState]) -> float | None:
    return max((place.own_vmax for place in places if place.own_vmax is not None), default=None)


def _draw_those_done(places: Sequence[CellState], shared: bool) -> None:
    scale = _brightest(places) if shared else None
    for place in places:
        if place.done:
            _draw(place, scale)


def _draw(place: CellState, scale: float | None) -> None:
    """Draw what stands in a place, where it is not drawn like that already; under a button that opens it."""
    vmax = None if place.own_vmax is None else scale
    if place.drawn and place.vmax == vmax:
        return
    if place.result is None:
        place.picture_slot.caption(literal(place.message))
    else:
        if not place.drawn:
            _cover(place)
            _tell(place)
        raw = place.result.raw
        if raw.ndim == 2:
            place.picture_slot.caption(numbers(raw.shape[1]))
        else:
            png = store.thumbnail(place.request, raw, place.picture, vmax)
            place.picture_slot.image(data_url(png), width="stretch", alt=place.title)
    place.drawn, place.vmax = True, vmax


def _cover(place: CellState) -> None:
    """Lay a button over a picture, with the note for those who hear the page and for those who point at it."""
    about = f"{place.title}{f', for {place.caption}' if place.caption else ''}"
    place.overlay.button(
        literal(f"Open {place.title} in Explore{f'. {place.note}' if place.note else ''}"),
        key=f"open-{place.row}-{place.column}",
        help=literal(about) + (f"\n\n{WARNING} {literal(place.note)}" if place.note else ""),
        on_click=open_in_explore,
        args=(place.request,),
    )


def _tell(place: CellState) -> None:
    """Say below a picture what was asked for, with a sign where there is a note."""
    message = [WARNING] if place.note else []
    message += [literal(place.caption)] if place.caption else []
    if message:
        place.caption_slot.caption(" ".join(message))
