"""The cells of a matrix of pictures: they fill one after the other, and each opens in Explore."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import engine, layers, live, matrix, registry
from mirror_app.engine import Result
from mirror_app.images import Picture
from mirror_app.matrix import TARGET, Axis, Cell
from mirror_app.models.hub import Fetched
from mirror_app.request import Request
from mirror_app.ui import cache, views
from mirror_app.ui.session import Session, choose
from mirror_app.ui.views import literal

STYLE = f"<style>{(Path(__file__).parent / 'components' / 'matrix.css').read_text('utf-8')}</style>"
HEAD = 88  # pixels: the side of the picture beside the name of an input
OPENED = "compare.opened"


@dataclass
class Place:
    """Where a cell stands on the page, and what is known of it: a result, or the sentence that says why there is none.

    `changes` are the fields in which its request differs from the sidebar's. `peak` is the magnitude that is full
    brightness in its picture alone, `largest` the one that it was drawn with.
    """

    row: int
    column: int
    changes: dict[str, str]
    request: Request
    picture: Picture
    lid: DeltaGenerator
    slot: DeltaGenerator
    result: Result | None = None
    said: str = ""
    peak: float | None = None
    largest: float | None = None

    @property
    def done(self) -> bool:
        return bool(self.result or self.said)

    def cell(self) -> Cell:
        """Return the cell for a file; its numbers come from the cache, or are computed again."""
        if self.said:
            return Cell(self.row, self.column, self.request, said=self.said)
        raw = cache.result(self.request, self.picture, lambda _: None).raw
        if raw.ndim == 2:
            return Cell(self.row, self.column, self.request, raw, said=_numbers(raw.shape[1]))
        png = cache.sheet(self.request, raw, self.picture, 0, engine.PAGE, self.largest).png
        return Cell(self.row, self.column, self.request, raw, png, largest=self.largest)


def show(session: Session, rows: Axis, columns: Axis, shared: bool) -> list[Place]:
    """Show the matrix and return its cells: what is cached at once, then picture by picture.

    Where they share one scale it is that of the brightest so far, and at the end that of the brightest of all.
    """
    st.html(STYLE)
    with st.container(key="matrix", gap=None):
        places = _laid_out(session, rows, columns)
    for place in places:
        if cache.there(place.request.model):
            _settle(place, session, cache.known)
        if not place.done:
            place.slot.caption("…")
    waiting = [place for place in places if not place.done]
    _draw_all(places, shared)
    refused: dict[str, str] = {}
    for place in waiting:
        _fetch(place, refused)
        if not place.said:
            _settle(place, session, partial(_computed, place))
        _draw(place, _brightest(places) if shared else None)
    if waiting:
        _draw_all([place for place in places if place.largest], shared)
    return places


def opened() -> bool:
    """Tell, once, whether a cell was opened in the run before."""
    return bool(st.session_state.pop(OPENED, False))


def _laid_out(session: Session, rows: Axis, columns: Axis) -> list[Place]:
    """Draw the names, and a place for each cell."""
    places = []
    with st.container(key="row-names"):
        st.container(key="corner")
        for value, name in zip(columns.values, columns.names, strict=True):
            _show_name(session, columns.field, value, name)
    for r, (value, name) in enumerate(zip(rows.values, rows.names, strict=True)):
        with st.container(key=f"row-{r}"):
            _show_name(session, rows.field, value, name)
            for c, other in enumerate(columns.values):
                changes = {rows.field: value, columns.field: other}
                request = matrix.varied(session.request, changes)
                with st.container(key=f"cell-{r}-{c}", gap=None):
                    lid, slot = st.empty(), st.empty()
                places.append(Place(r, c, changes, request, session.pictures[request.input], lid, slot))
    return places


def _show_name(session: Session, field: str, value: str, name: str) -> None:
    with st.container(gap=None):
        if field == "input":
            st.image(cache.strip([value], HEAD, [session.pictures[value]]), alt="", width=HEAD // 2)
        st.caption(literal(name))


def _fetch(place: Place, refused: dict[str, str]) -> None:
    """See that the model of a place is there, and say that it comes; what cannot be fetched is tried once."""
    name = place.request.model

    def say(fetched: Fetched | None) -> None:
        share = "" if fetched is None else f": {fetched.share:.0%}"
        place.slot.caption(literal(f"{'Building' if fetched is None else 'Fetching'} {live.shown(name)}{share} …"))

    if name not in refused:
        try:
            cache.fetch(name, say)
        except Exception as error:
            refused[name] = views.reason(error)
    place.said = refused.get(name, "")


def _computed(place: Place, request: Request) -> Result:
    return cache.result(request, place.picture, lambda state: place.slot.caption(f"{state} …") and None)


def _settle(place: Place, session: Session, result: Callable[[Request], Result | None]) -> None:
    """Find out what stands in a place: what `result` gives for its request, or why there is nothing."""
    try:
        place.request = _request(place.changes, session)
        place.result = result(place.request)
        if place.result:
            place.peak = cache.peak(place.request, place.result.raw, place.picture)
    except Exception as error:
        place.said = views.reason(error)


def _request(changes: dict[str, str], session: Session) -> Request:
    """Return the sidebar's request with `changes`, and with the layer and the target that its model has."""
    base = session.request
    request = matrix.varied(base, changes)
    entry = registry.get(request.visualisation)
    if request.layer == layers.EVERY and not entry.kind.of_stages:
        request = replace(request, layer=session.layer or "")
    if request.model == base.model:
        return request
    if "layer" not in changes:
        there = matrix.layer_there(request.layer, cache.tree(base.model), cache.tree(request.model))
        request = replace(request, layer=there)
    values = dict(request.params)
    classes = cache.model(base.model).classes, cache.model(request.model).classes
    if TARGET in values:
        values[TARGET] = matrix.target_there(values[TARGET], *classes)
    return replace(request, params=entry.canonical(values))


def _brightest(places: Sequence[Place]) -> float | None:
    return max((place.peak for place in places if place.peak is not None), default=None)


def _draw_all(places: Sequence[Place], shared: bool) -> None:
    scale = _brightest(places) if shared else None
    for place in places:
        if place.done:
            _draw(place, scale)


def _draw(place: Place, scale: float | None) -> None:
    """Draw what stands in a place, and the first time the button over it."""
    if place.said or place.result is None:
        place.slot.caption(literal(place.said))
        return
    title = _title(place)
    key = f"open-{place.row}-{place.column}"
