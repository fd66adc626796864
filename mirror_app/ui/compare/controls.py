"""The parts of the compare page: what the rows and the columns are, and the files of the whole."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import layers, live
from mirror_app.export import matrix
from mirror_app.export.matrix import TARGET, Axis
from mirror_app.models import catalogue
from mirror_app.ui import store
from mirror_app.ui.common import layer_facts
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.compare import choices
from mirror_app.ui.compare.cell_state import CellState
from mirror_app.ui.state.session import Session
from mirror_app.visualisations import registry

MOST = 8  # rows, and columns
FEW = 4
METHODS = ("grad-cam", "layer-cam", "back-prop", "integrated-gradients")
LABELS = {"visualisation": "Visualisations", "input": "Inputs", "layer": "Layers", "model": "Models"}
ROWS = ("visualisation", "layer", "model", "input")
COLUMNS = ("input", "visualisation", "model", "layer")
LAYERS_OF = "compare.layers.of"
KEPT, KNOWN = "compare.input", "compare.input.known"  # the inputs that are compared; those of one's own that were there
SCALES = {"own": "Each picture its own", "one": "One scale for all"}
SCALE = (
    "Where full brightness is. Each picture its own: at the largest number of that picture, which shows its form best. "
    "One scale for all: at the largest number of all pictures, so that weak ones are dark. Take it to compare one "
    "visualisation at several layers or inputs."
)
FULL = "Full brightness"
ROWS_ARE = "What changes from one row to the next. Below, choose which ones are shown."
COLUMNS_ARE = "What changes from one column to the next. Below, choose which ones are shown."


def choose(session: Session) -> tuple[Axis, Axis, bool, DeltaGenerator]:
    """Let the visitor choose what the rows and the columns are, and whether all pictures share one scale.

    Beside the last choice is room for what `tell_scale` says once the pictures are there.
    """
    left, right = st.columns(2, gap="medium")
    with left:
        field = choices.one("compare.rows", "Rows", ROWS, ROWS_ARE, LABELS.__getitem__)
        rows = _axis(session, field)
    with right:
        others = [other for other in COLUMNS if other != field]
        field = choices.one("compare.columns", "Columns", others, COLUMNS_ARE, LABELS.__getitem__)
        columns = _axis(session, field)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        shared = choices.one("compare.scale", "Brightness scale", list(SCALES), SCALE, SCALES.__getitem__) == "one"
        room = st.empty()
        if shared:
            room.caption(f"{FULL}: …")
    if rows.values and columns.values:
        _describe(session, rows, columns, shared)
    return rows, columns, shared, room


def tell_scale(room: DeltaGenerator, places: Sequence[CellState]) -> None:
    """Say which number is full brightness, where the pictures share one scale."""
    scale = _scale(places)
    if scale:
        room.caption(f"{FULL}: **{scale}**")
    else:
        room.empty()


def offer_files(session: Session, places: Sequence[CellState], rows: Axis, columns: Axis) -> None:
    """Offer the whole matrix as a picture, and as a folder of pictures, raw numbers and requests."""
    same = _same(session, rows, columns)
    if len({place.request.layer for place in places}) > 1:  # another model was looked at elsewhere
        same.pop("layer", None)
    if scale := _scale(places):
        same[FULL.lower()] = scale
    head = " · ".join(f"{name} {value}" for name, value in same.items())
    light = [replace(place, result=None) for place in places]  # what waits for a click holds no numbers

    def cells() -> list[matrix.Cell]:
        return [place.cell() for place in light]

    with st.popover("Download", icon=":material/download:"):
        st.download_button(
            "The matrix as a picture (.png)",
            lambda: matrix.picture(cells(), rows, columns, head),
            "matrix.png",
            "image/png",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Everything in it (.zip)",
            lambda: matrix.archive(cells(), rows, columns, head),
            "matrix.zip",
            "application/zip",
            on_click="ignore",
            width="stretch",
            help="Each picture, its raw numbers for `numpy.load`, and a list of the requests that make them again.",
        )


def _scale(places: Sequence[CellState]) -> str:
    """Return the number that is full brightness in all pictures; '' where each has its own, or none has one."""
    return next((f"{place.vmax:.3g}" for place in places if place.vmax is not None), "")


def _same(session: Session, rows: Axis, columns: Axis) -> dict[str, str]:
    """Return what all the cells have in common, and what it is called."""
    base = session.request
    same = {
        "visualisation": registry.get(base.visualisation).name,
        "input": session.pictures[base.input].name,
        "model": live.shown(base.model),
        "layer": "every stage" if base.layer == layers.EVERY else base.layer or live.shown(base.model),
    }
    return {name: value for name, value in same.items() if name not in (rows.field, columns.field)}


def _describe(session: Session, rows: Axis, columns: Axis, shared: bool) -> None:
    """Say what all the cells have in common, and what must be known to read them."""
    base, same = session.request, _same(session, rows, columns)
    target = dict(base.params).get(TARGET)
    if target is not None:
        model = store.model(base.model, base.output)
        named = model.name_of(target) if isinstance(target, int) else str(target)
        same["target"] = named
    kept = " · ".join(f"{name} **{literal(value)}**" for name, value in same.items())
    st.caption(" ".join([f"From the sidebar, for all pictures: {kept}.", *_remarks(session, rows, columns, shared)]))


def _remarks(session: Session, rows: Axis, columns: Axis, shared: bool) -> Iterator[str]:
    """Yield the sentences that matter for what is shown, and only those."""
    base, axes = session.request, {axis.field: axis.values for axis in (rows, columns)}
    chosen = registry.get(base.visualisation)
    entries = [registry.get(key) for key in axes.get("visualisation", [base.visualisation])]
    if chosen not in entries:
        yield f"The sidebar's **{chosen.name}** is not among these: add it to the list above to see it."
    elif len(entries) > 1:
        yield f"The settings in the sidebar are for {chosen.name}; the others have their defaults."
    alike = [entry.name for entry in entries if not entry.kind.uses_layer]
    if "layer" in axes and alike:
        yield f"The same at every layer: {', '.join(alike)}."
    made = [entry.name for entry in entries if entry.kind.starts_from_noise]
    if "input" in axes and made and dict(base.params).get(TARGET) is not None:
        yield f"The same for every input: {', '.join(made)}."
    if {_architecture(name) for name in axes.get("model", ())} - {_architecture(base.model)}:
        if "layer" not in axes and len(alike) < len(entries) and base.layer != layers.EVERY:
            first = layers.default_layer(layer_facts.tree(base.model), chosen.kind.before_last)
            which = "Other models are" if base.layer == first else "A model without this layer is"
            yield f"{which} shown at the layer that Mirror opens first."
        if isinstance(dict(base.params).get(TARGET), int):
            yield "A model that does not know the target explains its own most likely class."
    if shared and len(entries) > 1:
        yield "Visualisations differ in what they measure: compare the brightness within one visualisation only."


def _architecture(model: str) -> str:
    return model.removesuffix(catalogue.UNTRAINED)


def _axis(session: Session, field: str) -> Axis:
    options, default = _options(session, field)
    kind = LABELS[field].lower()
    shown = {option: _called(session, field, option) for option in options}
    labels = _labels(field, shown)
    chosen = choices.several(f"compare.{field}", LABELS[field], options, default, labels.__getitem__)
    if not chosen:
        st.caption(f"Choose some {kind}.")
    if len(chosen) > MOST:
        st.caption(f"Only the first {MOST} of {len(chosen)} are shown: a matrix has at most {MOST} × {MOST} pictures.")
    values = chosen[:MOST]
    return Axis(field, tuple(values), tuple(shown[value] for value in values))


def _options(session: Session, field: str) -> tuple[list[str], list[str]]:
    """Return what there is to choose from, and what is chosen where nothing was said."""
    base = session.request
    match field:
        case "visualisation":
            options = [entry.key for entry in session.entries]
            usual = [key for key in METHODS if key in options] or options
            return options, list(dict.fromkeys([base.visualisation, *usual]))[:FEW]
        case "input":
            own = [picture.id for picture in session.added_pictures]
            if KEPT in st.session_state:  # what was added since stands among what was chosen
                known = st.session_state.get(KNOWN, [])
                st.session_state[KEPT] = [new for new in own if new not in known] + st.session_state[KEPT]
            st.session_state[KNOWN] = own
            return list(session.pictures), [*own, *session.pictures][:FEW]
        case "layer":
            if st.session_state.get(LAYERS_OF) != base.model:  # another model has other stages
                st.session_state.pop("compare.layer", None)
                st.session_state[LAYERS_OF] = base.model
            listed = layer_facts.tree(base.model)
            return [layer.name for layer in listed if layer.name and layer.call], _thinned(layers.stages(listed))
        case _:
            both = [name + catalogue.UNTRAINED for name in session.models if catalogue.can_be_untrained(name)]
            own = [name for name in both if name == base.model + catalogue.UNTRAINED]
            default = list(session.models)[:MOST] if session.live_session else [base.model, *own]
            return list(dict.fromkeys([base.model, *session.models, *both])), default


def _thinned(names: Sequence[str]) -> list[str]:
    """Return at most `MOST` of the stages, at equal distances, the last among them."""
    step = -(-len(names) // MOST) or 1
    return list(names[::-1][::step][::-1])


def _called(session: Session, field: str, value: str) -> str:
    match field:
        case "visualisation":
            return registry.get(value).name
        case "input":
            return session.pictures[value].name
        case "model":
            return live.shown(value)
    return value


def _labels(field: str, shown: dict[str, str]) -> dict[str, str]:
    """Return what the list shows: of a model that is not here also how much there is to fetch."""
    sizes = catalogue.to_fetch() if field == "model" else {}
    more = {name: f"{shown[name]} · {sizes[name] / 2**20:,.0f} MB to fetch" for name in shown if name in sizes}
    return shown | more
