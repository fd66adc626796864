"""The rows and columns of the Compare page: what can vary, and the choice of the values."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from mirror_app import layers, live
from mirror_app.export.matrix import BY_TARGET, Axis
from mirror_app.models import catalogue
from mirror_app.ui.common import choices, layer_facts, model_labels
from mirror_app.ui.compare import target_axis
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection
from mirror_app.visualisations import registry

MAX_LENGTH = 8  # the largest number of rows or columns
DEFAULT_LENGTH = 4
DEFAULT_METHODS = ("grad-cam", "layer-cam", "back-prop", "integrated-gradients")
LABELS = {
    "visualisation": "Visualisations",
    "input": "Inputs",
    "layer": "Layers",
    "model": "Models",
    BY_TARGET: "Targets",
}
ROW_FIELDS = ("visualisation", "layer", "model", "input", BY_TARGET)
COLUMN_FIELDS = ("input", "visualisation", "model", "layer", BY_TARGET)
ROWS_HELP = "What varies from row to row. Choose the values below."
COLUMNS_HELP = "What varies from column to column. Choose the values below."
ALL_HELP = f"Choose all, or the first {MAX_LENGTH} if there are more: at most {MAX_LENGTH} × {MAX_LENGTH} pictures."


def choose(session: Session, base: Selection) -> tuple[Axis, Axis]:
    """Show the choices of rows and columns of a matrix that varies `base`; return the rows and the columns."""
    left, right = st.columns(2, gap="medium")
    with left:
        row_field = choices.one("compare.rows", "Rows", ROW_FIELDS, ROWS_HELP, LABELS.__getitem__)
        rows = _axis(session, base, row_field)
    with right:
        column_fields = [field for field in COLUMN_FIELDS if field != row_field]
        column_field = choices.one("compare.columns", "Columns", column_fields, COLUMNS_HELP, LABELS.__getitem__)
        columns = _axis(session, base, column_field)
    return rows, columns


def _axis(session: Session, base: Selection, field: str) -> Axis:
    options, default = _options(session, base, field)
    name, name_of = f"compare.{field}", _naming(session, base, field)
    label_of = name_of
    if field == "model":  # the label of a model that must be downloaded includes its size
        label_of = model_labels.labels({option: name_of(option) for option in options}).__getitem__
    read = partial(target_axis.read, model=base.model) if field == BY_TARGET else None
    with st.container(horizontal=True, gap="small"):
        chosen = choices.several(name, LABELS[field], options, default, label_of, read)
        st.button("All", key=f"all-{field}", help=ALL_HELP, on_click=_choose_all, args=(name, options))
    if not chosen:
        st.caption(f"Choose at least one of the {LABELS[field].lower()}.")
    if len(chosen) > MAX_LENGTH:
        st.caption(f"Showing the first {MAX_LENGTH} of {len(chosen)} (maximum {MAX_LENGTH} × {MAX_LENGTH}).")
    elif len(chosen) == MAX_LENGTH < len(options):
        st.caption(f"{MAX_LENGTH} of {len(options):,} are shown (maximum {MAX_LENGTH} × {MAX_LENGTH}).")
    values = chosen[:MAX_LENGTH]
    return Axis(field, tuple(values), tuple(map(name_of, values)))


def _choose_all(name: str, options: Sequence[str]) -> None:
    """Add the first options to those that are chosen, until none is left or the limit is reached. A callback."""
    chosen = widget_state.choices(name, ())
    chosen.value = list(dict.fromkeys([*chosen.value, *options]))[: max(MAX_LENGTH, len(chosen.value))]


def _options(session: Session, base: Selection, field: str) -> tuple[list[str], list[str]]:
    """Return the values that an axis can have, and the default values."""
    model = base.request.model
    match field:
        case "visualisation":
            options = [entry.key for entry in session.entries]
            usual = [key for key in DEFAULT_METHODS if key in options] or options
            return options, list(dict.fromkeys([base.entry.key, *usual]))[:DEFAULT_LENGTH]
        case "input":
            own = [picture.id for picture in session.added_pictures]
            previous, chosen = widget_state.PREVIOUS_INPUTS, widget_state.COMPARED_INPUTS
            added = [picture_id for picture_id in own if picture_id not in previous.value][:MAX_LENGTH]
            if chosen.is_stored and added:  # pictures that were added since the last run are chosen
                chosen.value = [*added, *chosen.value]
            previous.value = own
            return list(session.pictures), [*own, *session.pictures][:DEFAULT_LENGTH]
        case "layer":
            if widget_state.COMPARED_LAYERS_MODEL.value != model:  # another model has other stages
                widget_state.COMPARED_LAYERS.forget()
                widget_state.COMPARED_LAYERS_MODEL.value = model
            listed = layer_facts.tree(model)
            return [layer.name for layer in listed if layer.name and layer.call], _thinned(layers.stages(listed))
        case "model":
            untrained = [name + catalogue.UNTRAINED for name in session.models if catalogue.can_be_untrained(name)]
            untrained_base = [name for name in untrained if name == model + catalogue.UNTRAINED]
            default = list(session.models)[:MAX_LENGTH] if session.live_session else [model, *untrained_base]
            return list(dict.fromkeys([model, *session.models, *untrained])), default
    return target_axis.options(base)


def _thinned(stages: Sequence[str]) -> list[str]:
    """Return at most `MAX_LENGTH` of the stages, evenly spaced, including the last one."""
    step = -(-len(stages) // MAX_LENGTH) or 1
    return list(stages[::-1][::step][::-1])


def _naming(session: Session, base: Selection, field: str) -> Callable[[str], str]:
    """Return the function that names the values of an axis."""
    match field:
        case "visualisation":
            return lambda key: registry.get(key).name
        case "input":
            return lambda picture_id: session.pictures[picture_id].name
        case "model":
            return live.display_name
        case "target":
            return target_axis.naming(session, base.model)
    return str
