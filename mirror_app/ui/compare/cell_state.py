"""A cell of the matrix of pictures: its selection, its slots on the page, and its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from streamlit.delta_generator import DeltaGenerator

from mirror_app import engine, layers, live, targets
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export import matrix
from mirror_app.export.matrix import BY_TARGET, Cell
from mirror_app.params import TARGET
from mirror_app.render import Legend
from mirror_app.ui import store
from mirror_app.ui.common import layer_facts, page_parts
from mirror_app.ui.common.target_names import target_name
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection
from mirror_app.ui.store.background_runs import predicted_picture
from mirror_app.visualisations import registry


@dataclass
class CellState:
    """A cell's selection, its slots on the page, and their content: a result, or a message that explains its absence.

    `changes` are the fields in which the cell's request differs from the sidebar's. The layer and the target are the
    sidebar's until `resolve` translates them for the cell's model, which may have to be loaded first. `caption` is the
    target with its probability; `note` is a caution about the picture. `own_vmax` is the magnitude at full brightness
    on the cell's own scale; `vmax` is the magnitude at full brightness in the picture as it is drawn now.
    """

    row: int
    column: int
    changes: Mapping[str, str]
    selection: Selection
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
        """The visualisation, the picture, the model and the layer in one line, with the target if targets vary."""
        entry, request = self.selection.entry, self.selection.request
        layer = "every stage" if request.layer == layers.EVERY else request.layer
        details = [live.display_name(request.model), *([layer] if entry.kind.uses_layer and layer else [])]
        return f"{entry.name} of {self.selection.picture.name} ({', '.join([*details, *self._target_details])})"

    @property
    def _target_details(self) -> list[str]:
        if BY_TARGET not in self.changes or not self.result:
            return []
        target = target_name(self.selection, self.result)
        return [f"target {target}"] if target else []

    @property
    def legend(self) -> Legend | None:
        """The colour bar of the picture as it is drawn now, if it shares a scale that has one."""
        return engine.legend(self.selection.request, self.result.raw, self.vmax) if self.result else None

    def resolve(self, session: Session, base: Selection, get_result: Callable[[Selection], Result | None]) -> None:
        """Store the result that `get_result` returns for the cell's selection, or the message of its error."""
        try:
            self.selection = Selection.of(request_of(session, base, self.changes), self.selection.picture)
            result = get_result(self.selection)
            if result:
                self.caption, self.note = caption_of(self.selection, result), page_parts.note_of(result)
                self.own_vmax = store.vmax(self.selection, result.raw)
            self.result = result
        except Exception as error:
            self.message = page_parts.error_message(error)

    def to_file_cell(self) -> Cell:
        """Return the cell for a file, with raw values from the cache, or computed again if they are not in it."""
        request = self.selection.request
        empty = Cell(self.row, self.column, request, message=self.message, caption=self.caption, note=self.note)
        if self.message:
            return empty
        raw = store.result(self.selection, lambda _: None).raw
        if raw.ndim == 2:
            return replace(empty, raw=raw, message=vector_message(raw.shape[1]))
        png = store.sheet(self.selection, raw, 0, engine.PAGE, self.vmax).png
        legend = engine.legend(request, raw, self.vmax)
        return replace(empty, raw=raw, picture=png, vmax=self.vmax, legend=legend)


def caption_of(selection: Selection, result: Result) -> str:
    """Return the target of a result: a class with its probability, a number with its value, "" if it has no target."""
    if not result.info.target_class:
        return target_name(selection, result)
    number, model = result.info.target_class[0], selection.model
    text = store.prediction(model, predicted_picture(selection, result)).text(number)
    return f"{model.name_of(number)} · {text}" if text else model.name_of(number)


def vector_message(count: int) -> str:
    """Return the message in the cell of a result that is a vector instead of an image."""
    return f"{count:,} numbers, not an image: Explore shows them as bars."


def request_of(session: Session, base: Selection, changes: Mapping[str, str]) -> Request:
    """Return the request of `base` with `changes`, and with the layer and the target translated for the new model.

    Raises:
        MirrorError: The visualisation or the model cannot be used with these changes.
    """
    request = matrix.with_changes(base.request, changes)
    entry = registry.get(request.visualisation)
    if request.layer == layers.EVERY and not entry.kind.supports_all_stages:
        request = replace(request, layer=session.layer or "")
    if request.model == base.request.model:
        return request
    request = replace(request, output=session.outputs.get(request.model, ""))
    if "layer" not in changes:
        trees = layer_facts.tree(base.request.model), layer_facts.tree(request.model)
        layer = matrix.corresponding_layer(request.layer, *trees, before_last=base.entry.kind.before_last)
        request = replace(request, layer=layer)
    values = dict(request.params)
    if TARGET in values:
        models = [store.model(name) for name in (base.request.model, request.model)]
        target = matrix.corresponding_target(values[TARGET], *(model.classes for model in models))
        if target is None and BY_TARGET in changes:
            name = targets.parse(changes[BY_TARGET]).described(models[0].name_of)
            raise MirrorError(f"{live.display_name(request.model)} does not have the target '{name}'.", culprit=name)
        values[TARGET] = target
    return replace(request, params=entry.canonical(values))
