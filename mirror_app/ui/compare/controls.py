"""The controls of the Compare page: the content of rows and columns, the scale, and the downloads."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import layers, live, targets
from mirror_app.engine.request import Request
from mirror_app.export import matrix
from mirror_app.export.matrix import Axis
from mirror_app.models import catalogue
from mirror_app.params import TARGET
from mirror_app.ui.common import layer_facts, model_labels
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.compare import choices
from mirror_app.ui.compare.cell_state import CellState
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection
from mirror_app.visualisations import registry

MAX_LENGTH = 8  # the largest number of rows or columns
DEFAULT_LENGTH = 4
DEFAULT_METHODS = ("grad-cam", "layer-cam", "back-prop", "integrated-gradients")
LABELS = {"visualisation": "Visualisations", "input": "Inputs", "layer": "Layers", "model": "Models"}
ROW_FIELDS = ("visualisation", "layer", "model", "input")
COLUMN_FIELDS = ("input", "visualisation", "model", "layer")
SCALES = {"own": "Separate scales", "one": "Shared scale"}
SCALE_HELP = (
    "The value that full brightness stands for. With separate scales, it is the maximum of each picture, which shows "
    "the structure of every picture best. With a shared scale, it is the maximum of all pictures, so weak pictures are "
    "dark: use it to compare one visualisation across layers or inputs."
)
SCALE_MAXIMUM = "Scale maximum"
ROWS_HELP = "What varies from row to row. Choose the values below."
COLUMNS_HELP = "What varies from column to column. Choose the values below."


def choose(session: Session, base: Selection) -> tuple[Axis, Axis, bool, DeltaGenerator]:
    """Show the choices of rows, columns and scale of a matrix that varies `base`.

    Returns:
        The rows, the columns, whether all pictures share one scale, and the slot for the maximum of that scale, which
        `show_scale` fills once the pictures are there.
    """
    left, right = st.columns(2, gap="medium")
    with left:
        row_field = choices.one("compare.rows", "Rows", ROW_FIELDS, ROWS_HELP, LABELS.__getitem__)
        rows = _axis(session, base.request, row_field)
    with right:
        column_fields = [field for field in COLUMN_FIELDS if field != row_field]
        column_field = choices.one("compare.columns", "Columns", column_fields, COLUMNS_HELP, LABELS.__getitem__)
        columns = _axis(session, base.request, column_field)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        scale = choices.one("compare.scale", "Brightness scale", list(SCALES), SCALE_HELP, SCALES.__getitem__)
        shared = scale == "one"
        scale_slot = st.empty()
        if shared:
            scale_slot.caption(f"{SCALE_MAXIMUM}: …")
    if rows.values and columns.values:
        _describe(base, rows, columns, shared)
    return rows, columns, shared, scale_slot


def show_scale(scale_slot: DeltaGenerator, cells: Sequence[CellState]) -> None:
    """Show the maximum of the shared scale, if there is one."""
    maximum = _scale_maximum(cells)
    if maximum:
        scale_slot.caption(f"{SCALE_MAXIMUM}: **{maximum}**")
    else:
        scale_slot.empty()


def offer_files(base: Selection, cells: Sequence[CellState], rows: Axis, columns: Axis) -> None:
    """Offer the matrix as a figure, and as an archive of pictures, raw values and requests."""
    common = _common_fields(base, rows, columns)
    if len({cell.selection.request.layer for cell in cells}) > 1:  # other models are shown at other layers
        common.pop("layer", None)
    if maximum := _scale_maximum(cells):
        common[SCALE_MAXIMUM.lower()] = maximum
    head = " · ".join(f"{name} {value}" for name, value in common.items())
    cells_without_results = [replace(cell, result=None) for cell in cells]  # the button must not hold their arrays

    def file_cells() -> list[matrix.Cell]:
        return [cell.to_file_cell() for cell in cells_without_results]

    with st.popover("Download", icon=":material/download:"):
        st.download_button(
            "Figure (PNG)",
            lambda: matrix.picture(file_cells(), rows, columns, head),
            "matrix.png",
            "image/png",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "All files (ZIP)",
            lambda: matrix.archive(file_cells(), rows, columns, head),
            "matrix.zip",
            "application/zip",
            on_click="ignore",
            width="stretch",
            help="Each picture, its raw values for `numpy.load`, and the requests that reproduce them.",
        )


def _scale_maximum(cells: Sequence[CellState]) -> str:
    """Return the maximum of the shared scale; "" if the pictures have separate scales, or none."""
    return next((f"{cell.vmax:.3g}" for cell in cells if cell.vmax is not None), "")


def _common_fields(base: Selection, rows: Axis, columns: Axis) -> dict[str, str]:
    """Return the fields that all cells have in common, with the names of their values."""
    fields = {
        "visualisation": base.entry.name,
        "input": base.picture.name,
        "model": live.display_name(base.request.model),
        "layer": "every stage" if base.request.layer == layers.EVERY else base.layer_name,
    }
    return {name: value for name, value in fields.items() if name not in (rows.field, columns.field)}


def _describe(base: Selection, rows: Axis, columns: Axis, shared: bool) -> None:
    """Show what all cells have in common, and the remarks that help to read them."""
    common, target = _common_fields(base, rows, columns), base.values.get(TARGET)
    if target is not None:
        common["target"] = targets.from_value(target).described(base.model.name_of)
    *fields, last_field = (f"{name} **{literal(value)}**" for name, value in common.items())
    enumeration = f"{', '.join(fields)} and {last_field}"  # at least two fields remain: each axis removes one
    remarks = _remarks(base, rows, columns, shared)
    st.caption(" ".join([f"All pictures use the sidebar's {enumeration}.", *remarks]))


def _remarks(base: Selection, rows: Axis, columns: Axis, shared: bool) -> Iterator[str]:
    """Yield the remarks that apply to the pictures shown."""
    axes, model, layer = {axis.field: axis.values for axis in (rows, columns)}, base.request.model, base.request.layer
    entries = [registry.get(key) for key in axes.get("visualisation", [base.entry.key])]
    if base.entry not in entries:
        yield f"The sidebar's **{base.entry.name}** is not among these: add it to the list above to see it."
    elif len(entries) > 1:
        yield f"The sidebar's other settings apply to {base.entry.name} only; other methods use their defaults."
    layerless = [entry.name for entry in entries if not entry.kind.uses_layer]
    if "layer" in axes and layerless:
        yield f"The same at every layer: {', '.join(layerless)}."
    from_noise = [entry.name for entry in entries if entry.kind.starts_from_noise]
    if "input" in axes and from_noise and base.values.get(TARGET) is not None:
        yield f"The same for every input: {', '.join(from_noise)}."
    if {_architecture(name) for name in axes.get("model", ())} - {_architecture(model)}:
        if "layer" not in axes and len(layerless) < len(entries) and layer != layers.EVERY:
            default = layers.default_layer(layer_facts.tree(model), base.entry.kind.before_last)
            subject = "Other models are" if layer == default else "Models without this layer are"
            yield f"{subject} shown at their default layer."
        if isinstance(base.values.get(TARGET), int):
            yield "Models without the target class explain their top prediction instead."
    if shared and len(entries) > 1:
        yield "Visualisations measure different things: compare brightness only within one visualisation."


def _architecture(model: str) -> str:
    return model.removesuffix(catalogue.UNTRAINED)


def _axis(session: Session, base: Request, field: str) -> Axis:
    options, default = _options(session, base, field)
    names = {option: _name(session, field, option) for option in options}
    labels = _labels(field, names)
    chosen = choices.several(f"compare.{field}", LABELS[field], options, default, labels.__getitem__)
    if not chosen:
        st.caption(f"Choose at least one of the {LABELS[field].lower()}.")
    if len(chosen) > MAX_LENGTH:
        st.caption(f"Showing the first {MAX_LENGTH} of {len(chosen)} (maximum {MAX_LENGTH} × {MAX_LENGTH}).")
    values = chosen[:MAX_LENGTH]
    return Axis(field, tuple(values), tuple(names[value] for value in values))


def _options(session: Session, base: Request, field: str) -> tuple[list[str], list[str]]:
    """Return the values that an axis can have, and the default values."""
    match field:
        case "visualisation":
            options = [entry.key for entry in session.entries]
            usual = [key for key in DEFAULT_METHODS if key in options] or options
            return options, list(dict.fromkeys([base.visualisation, *usual]))[:DEFAULT_LENGTH]
        case "input":
            own = [picture.id for picture in session.added_pictures]
            previous, chosen = widget_state.PREVIOUS_INPUTS, widget_state.COMPARED_INPUTS
            if chosen.is_stored:  # pictures that were added since the last run are chosen, as many as are shown
                new = [picture_id for picture_id in own if picture_id not in previous.value][:MAX_LENGTH]
                chosen.value = [*new, *chosen.value]
            previous.value = own
            return list(session.pictures), [*own, *session.pictures][:DEFAULT_LENGTH]
        case "layer":
            if widget_state.COMPARED_LAYERS_MODEL.value != base.model:  # another model has other stages
                widget_state.COMPARED_LAYERS.forget()
                widget_state.COMPARED_LAYERS_MODEL.value = base.model
            listed = layer_facts.tree(base.model)
            return [layer.name for layer in listed if layer.name and layer.call], _thinned(layers.stages(listed))
        case _:
            untrained = [name + catalogue.UNTRAINED for name in session.models if catalogue.can_be_untrained(name)]
            untrained_base = [name for name in untrained if name == base.model + catalogue.UNTRAINED]
            default = list(session.models)[:MAX_LENGTH] if session.live_session else [base.model, *untrained_base]
            return list(dict.fromkeys([base.model, *session.models, *untrained])), default


def _thinned(stages: Sequence[str]) -> list[str]:
    """Return at most `MAX_LENGTH` of the stages, evenly spaced, including the last one."""
    step = -(-len(stages) // MAX_LENGTH) or 1
    return list(stages[::-1][::step][::-1])


def _name(session: Session, field: str, value: str) -> str:
    match field:
        case "visualisation":
            return registry.get(value).name
        case "input":
            return session.pictures[value].name
        case "model":
            return live.display_name(value)
    return value


def _labels(field: str, names: dict[str, str]) -> dict[str, str]:
    """Return the labels in the list of options; the label of a model that must be downloaded includes its size."""
    return model_labels.labels(names) if field == "model" else names
