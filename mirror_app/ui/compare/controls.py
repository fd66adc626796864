"""The controls of the Compare page: the rows and columns, the scale, the inputs, and the downloads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import layers, live, targets
from mirror_app.export import matrix
from mirror_app.export.matrix import BY_TARGET, Axis
from mirror_app.models import catalogue
from mirror_app.params import TARGET
from mirror_app.ui.common import choices, layer_facts
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.compare import arrangement, axes, cells, colour_bars, paper_figure
from mirror_app.ui.compare.arrangement import COLUMN, ONE, OWN, ROW, Arrangement
from mirror_app.ui.compare.cell_state import CellState
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection
from mirror_app.visualisations import registry

SCALES = {
    OWN: "Separate scales",
    ROW: "Scale per row",
    COLUMN: "Scale per column",
    ONE: "Shared scale",
}
SCALE_HELP = (
    "The value that full brightness stands for. With separate scales, it is the maximum of each picture, which shows "
    "the structure of every picture best. With a scale per row or column, it is the maximum of the pictures "
    "there, so that their brightness can be compared. With a shared scale, it is the maximum of all pictures, so weak "
    "pictures are dark: use it to compare one visualisation across layers or inputs."
)
INPUTS_HELP = "Shows each input as the sidebar's model receives it, next to its pictures."
SCALE_MAXIMUM = "Scale maximum"


def choose(session: Session, base: Selection) -> tuple[Arrangement, DeltaGenerator]:
    """Show the choices of rows, columns, scale and inputs of a matrix that varies `base`.

    Returns:
        The arrangement, and the slot for the scale of all pictures, which `show_scale` fills once they are there.
    """
    rows, columns = axes.choose(session, base)
    shows_inputs = False
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        scales, default = arrangement.scales_for(rows, columns)
        scale = choices.one("compare.scale", "Brightness scale", scales, SCALE_HELP, SCALES.__getitem__, default)
        if "input" in (rows.field, columns.field):
            shows_inputs = choices.switch("compare.inputs", "Show the inputs", INPUTS_HELP)
        scale_slot = st.empty()
        if scale == ONE:
            scale_slot.caption(f"{SCALE_MAXIMUM}: …")
    if rows.values and columns.values:
        _describe(base, rows, columns, scale == ONE)
    return Arrangement(rows, columns, scale, shows_inputs), scale_slot


def show_scale(scale_slot: DeltaGenerator, shown: Arrangement, states: Sequence[CellState]) -> None:
    """Show the maximum of the scale of all pictures, if there is one, and its colour bars."""
    maximum = _scale_maximum(shown, states)
    if not maximum:
        scale_slot.empty()
        return
    with scale_slot.container(key="scale", gap="xxsmall", width="content"):
        st.caption(f"{SCALE_MAXIMUM}: **{maximum}**")
        colour_bars.show(st.empty(), shown.legends(0, states))


def offer_files(session: Session, base: Selection, states: Sequence[CellState], shown: Arrangement) -> None:
    """Offer the matrix as a figure, and as an archive of pictures, raw values and requests."""
    rows, columns = shown.rows, shown.columns
    common = _common_fields(base, rows, columns)
    if len({state.selection.request.layer for state in states}) > 1:  # other models are shown at other layers
        common.pop("layer", None)
    if maximum := _scale_maximum(shown, states):
        common[SCALE_MAXIMUM.lower()] = maximum
    head = " · ".join(f"{name} {value}" for name, value in common.items())
    states_without_results = [replace(state, result=None) for state in states]  # the button must not hold their arrays
    inputs = [session.pictures[value] for value in shown.input_axis.values] if shown.input_axis else []

    def file_cells() -> list[matrix.Cell]:
        return [state.to_file_cell() for state in states_without_results]

    def made(file: Callable[..., bytes]) -> bytes:
        pngs = [cells.input_png(base, picture) for picture in inputs]
        return file(file_cells(), rows, columns, head, shown.scale, pngs)

    with st.popover("Download", icon=":material/download:"):
        st.download_button(
            "Figure (PNG)",
            lambda: made(matrix.picture),
            "matrix.png",
            "image/png",
            on_click="ignore",
            width="stretch",
        )
        paper_figure.offer(base, file_cells, rows, columns, common)
        st.download_button(
            "All files (ZIP)",
            lambda: made(matrix.archive),
            "matrix.zip",
            "application/zip",
            on_click="ignore",
            width="stretch",
            help="Each picture, its raw values for `numpy.load`, and the requests that reproduce them.",
        )


def _scale_maximum(shown: Arrangement, states: Sequence[CellState]) -> str:
    """Return the maximum of the scale of all pictures; "" if they share none."""
    maxima = (f"{state.vmax:.3g}" for state in states if shown.scale == ONE and state.vmax is not None)
    return next(maxima, "")


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
    if target is not None and BY_TARGET not in (rows.field, columns.field):
        common["target"] = targets.from_value(target).described(base.model.name_of)
    *fields, last_field = (f"{name} **{literal(value)}**" for name, value in common.items())
    enumeration = f"{', '.join(fields)} and {last_field}"  # at least two fields remain: each axis removes one
    remarks = _remarks(base, rows, columns, shared)
    st.caption(" ".join([f"All pictures use the sidebar's {enumeration}.", *remarks]))


def _remarks(base: Selection, rows: Axis, columns: Axis, shared: bool) -> Iterator[str]:
    """Yield the remarks that apply to the pictures shown."""
    values = {axis.field: axis.values for axis in (rows, columns)}
    model, layer = base.request.model, base.request.layer
    entries = [registry.get(key) for key in values.get("visualisation", [base.entry.key])]
    if base.entry not in entries:
        yield f"The sidebar's **{base.entry.name}** is not among these: add it to the list above to see it."
    elif len(entries) > 1:
        yield f"The sidebar's other settings apply to {base.entry.name} only; other methods use their defaults."
    layerless = [entry.name for entry in entries if not entry.kind.uses_layer]
    if "layer" in values and layerless:
        yield f"The same at every layer: {', '.join(layerless)}."
    targetless = [entry.name for entry in entries if not entry.takes_target]
    if BY_TARGET in values and targetless:
        yield f"The same for every target: {', '.join(targetless)}."
    from_noise = [entry.name for entry in entries if entry.kind.starts_from_noise]
    has_target = BY_TARGET in values or base.values.get(TARGET) is not None
    if "input" in values and from_noise and has_target:
        yield f"The same for every input: {', '.join(from_noise)}."
    if {_architecture(name) for name in values.get("model", ())} - {_architecture(model)}:
        if "layer" not in values and len(layerless) < len(entries) and layer != layers.EVERY:
            default = layers.default_layer(layer_facts.tree(model), base.entry.kind.before_last)
            subject = "Other models are" if layer == default else "Models without this layer are"
            yield f"{subject} shown at their default layer."
        if BY_TARGET not in values and isinstance(base.values.get(TARGET), int):
            yield "Models without the target class explain their top prediction instead."
    if shared and len(entries) > 1:
        yield "Visualisations measure different things: compare brightness only within one visualisation."


def _architecture(model: str) -> str:
    return model.removesuffix(catalogue.UNTRAINED)
