"""A cell of the matrix of pictures: its request, and what is known about it."""

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
    """The slots of a cell on the page, and what fills them: a result, or the message that says why there is none.

    `changes` are the fields in which its request differs from the sidebar's. `caption` is the target with its
    probability; `note` is a caution about the picture. `own_vmax` is the magnitude at full brightness on the cell's own
    scale, `vmax` the one that the picture was drawn with.
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
        """Whether there is something to draw: a result or a message."""
        return bool(self.result or self.message)

    @property
    def title(self) -> str:
        """What the cell shows, in one line."""
        entry = registry.get(self.request.visualisation)
        layer = "every stage" if self.request.layer == layers.EVERY else self.request.layer
        details = [live.display_name(self.request.model), *([layer] if entry.kind.uses_layer and layer else [])]
        return f"{entry.name} of {self.picture.name} ({', '.join(details)})"

    def resolve(self, session: Session, get_result: Callable[[Request], Result | None]) -> None:
        """Store what `get_result` returns for the cell's request, or the reason why it fails."""
        try:
            self.request = request_of(session, self.changes)
            result = get_result(self.request)
            if result:
                self.caption, self.note = caption_of(self.request, self.picture, result), page_parts.note_of(result)
                self.own_vmax = store.vmax(self.request, result.raw, self.picture)
            self.result = result
        except Exception as error:
            self.message = page_parts.error_message(error)

    def to_file_cell(self) -> Cell:
        """Return the cell as it goes into a file; its raw values come from the cache, or are computed again."""
        empty = Cell(self.row, self.column, self.request, message=self.message, caption=self.caption, note=self.note)
        if self.message:
            return empty
        raw = store.result(self.request, self.picture, lambda _: None).raw
        if raw.ndim == 2:
            return replace(empty, raw=raw, message=vector_message(raw.shape[1]))
        png = store.sheet(self.request, raw, self.picture, 0, engine.PAGE, self.vmax).png
        return replace(empty, raw=raw, picture=png, vmax=self.vmax)


def caption_of(request: Request, picture: Picture, result: Result) -> str:
    """Return the target of a result: a class with its probability, a number with its value, "" if it has no target."""
    if "target_class" not in result.info:
        return str(result.info.get("target", ""))
    number = result.info["target_class"][0]
    model = store.model(request.model, request.output)
    text = store.prediction(model, predicted_picture(request, result, model, picture)).text(number)
    return f"{model.name_of(number)} · {text}" if text else model.name_of(number)


def vector_message(count: int) -> str:
    """Return the message in the cell of a result that is a vector instead of an image."""
    return f"{count:,} numbers, not an image: Explore shows them as bars."


def request_of(session: Session, changes: Mapping[str, str]) -> Request:
    """Return the sidebar's request with `changes`, and with the layer and the target translated to its model.

    Raises:
        MirrorError: The visualisation or the model cannot be used with these changes.
    """
    base = session.request
    request = matrix.with_changes(base, changes)
    entry = registry.get(request.visualisation)
    if request.layer == layers.EVERY and not entry.kind.supports_all_stages:
        request = replace(request, layer=session.layer or "")
    if request.model == base.model:
        return request
    request = replace(request, output=session.outputs.get(request.model, ""))
    if "layer" not in changes:
        base_layers, other_layers = layer_facts.tree(base.model), layer_facts.tree(request.model)
        before_last = registry.get(base.visualisation).kind.before_last
        request = replace(
            request, layer=matrix.corresponding_layer(request.layer, base_layers, other_layers, before_last)
        )
    values = dict(request.params)
    if TARGET in values:
        classes = (store.model(name).classes for name in (base.model, request.model))
        values[TARGET] = matrix.corresponding_target(values[TARGET], *classes)
    return replace(request, params=entry.canonical(values))
