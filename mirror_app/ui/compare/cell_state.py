"""A place in a matrix of pictures: its request, and what is known of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from streamlit.delta_generator import DeltaGenerator

from mirror_app import engine, layers, live
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.export import matrix
from mirror_app.export.matrix import TARGET, Cell
from mirror_app.images import Picture
from mirror_app.ui import store
from mirror_app.ui.common import layer_facts, page_parts
from mirror_app.ui.state.background_runs import predicted_picture
from mirror_app.ui.state.session import Session
from mirror_app.visualisations import registry


@dataclass
class CellState:
    """Where a cell stands on the page, and what is known of it: a result, or the sentence that says why there is none.

    `changes` are the fields in which its request differs from the sidebar's. `caption` is what was asked for, with how
    sure the model is of it, `note` what must be known to read the picture. `own_vmax` is the magnitude that is full
    brightness in its picture alone, `vmax` the one that it was drawn with.
    """

    row: int
    column: int
    changes: Mapping[str, str]
    request: Request
    picture: Picture
    overlay: DeltaGenerator
    picture_slot: DeltaGenerator
    caption_slot: DeltaGenerator
    result: Result | None = None
    message: str = ""
    caption: str = ""
    note: str = ""
    own_vmax: float | None = None
    vmax: float | None = None
    drawn: bool = False

    @property
    def done(self) -> bool:
        return bool(self.result or self.message)

    @property
    def title(self) -> str:
        """What it shows, in a line."""
        entry = registry.get(self.request.visualisation)
        where = "every stage" if self.request.layer == layers.EVERY else self.request.layer
        by = [live.shown(self.request.model), *([where] if entry.kind.uses_layer and where else [])]
        return f"{entry.name} of {self.picture.name} ({', '.join(by)})"

    def resolve(self, session: Session, result: Callable[[Request], Result | None]) -> None:
        """Find out what stands here: what `result` gives for its request, or why there is nothing."""
        try:
            self.request = request_of(session, self.changes)
            found = result(self.request)
            if found:
                self.caption, self.note = caption_of(self.request, self.picture, found), page_parts.note_of(found)
                self.own_vmax = store.vmax(self.request, found.raw, self.picture)
            self.result = found
        except Exception as error:
            self.message = page_parts.error_message(error)

    def cell(self) -> Cell:
        """Return the cell for a file; its numbers come from the cache, or are computed again."""
        empty = Cell(self.row, self.column, self.request, message=self.message, caption=self.caption, note=self.note)
        if self.message:
            return empty
        raw = store.result(self.request, self.picture, lambda _: None).raw
        if raw.ndim == 2:
            return replace(empty, raw=raw, message=numbers(raw.shape[1]))
        png = store.sheet(self.request, raw, self.picture, 0, engine.PAGE, self.vmax).png
        return replace(empty, raw=raw, picture=png, vmax=self.vmax)


def caption_of(request: Request, picture: Picture, result: Result) -> str:
    """Return what was asked for, a class with its probability, a number with its value; "" where nothing is asked."""
    if "target_class" not in result.info:
        return str(result.info.get("target", ""))
    number = result.info["target_class"][0]
    model = store.model(request.model, request.output)
    text = store.prediction(model, predicted_picture(request, result, model, picture)).text(number)
    return f"{model.name_of(number)} · {text}" if text else model.name_of(number)


def numbers(count: int) -> str:
    """Return what is said of a result that is no picture."""
    return f"{count:,} numbers and no picture: Explore shows them as bars."


def request_of(session: Session, changes: Mapping[str, str]) -> Request:
    """Return the sidebar's request with `changes`, and with the layer and the target that its model has.

    Raises MirrorError.
    """
    base = session.request
    request = matrix.varied(base, changes)
    entry = registry.get(request.visualisation)
    if request.layer == layers.EVERY and not entry.kind.supports_all_stages:
        request = replace(request, layer=session.layer or "")
    if request.model == base.model:
        return request
    request = replace(request, output=session.outputs.get(request.model, ""))
    if "layer" not in changes:
        here, there = layer_facts.tree(base.model), layer_facts.tree(request.model)
        before_last = registry.get(base.visualisation).kind.before_last
        request = replace(request, layer=matrix.layer_there(request.layer, here, there, before_last))
    values = dict(request.params)
    if TARGET in values:
        classes = (store.model(name).classes for name in (base.model, request.model))
        values[TARGET] = matrix.target_there(values[TARGET], *classes)
    return replace(request, params=entry.canonical(values))
