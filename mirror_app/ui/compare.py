"""The parts of the compare page: what the rows and the columns are, and the files of the whole."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from mirror_app import layers, live, matrix, registry
from mirror_app.matrix import TARGET, Axis
from mirror_app.models import catalogue
from mirror_app.ui import cache, choices, views
from mirror_app.ui.places import Place
from mirror_app.ui.session import Session
from mirror_app.ui.views import literal

MOST = 8  # rows, and columns
FEW = 4
METHODS = ("grad-cam", "layer-cam", "back-prop", "integrated-gradients")
LABELS = {"visualisation": "Visualisations", "input": "Inputs", "layer": "Layers", "model": "Models"}
ROWS = ("visualisation", "layer", "model", "input")
COLUMNS = ("input", "visualisation", "model", "layer")
LAYERS_OF = "compare.layers.of"
SCALES = {"own": "Each picture its own", "one": "One scale for all"}
SCALE = (
    "What is full brightness: the largest number of each picture, or of all of them. One scale for all makes pictures "
    "comparable whose numbers have one unit: those of one visualisation at several layers or inputs."
)


def choose(session: Session) -> tuple[Axis, Axis, bool]:
    """Let the visitor choose what the rows and the columns are, and whether all pictures share one scale."""
    left, right = st.columns(2, gap="medium")
    with left:
        field = choices.one("compare.rows", "Rows", ROWS, "What differs from row to row.", LABELS.__getitem__)
        rows = _axis(session, field)
    with right:
        others = [other for other in COLUMNS if other != field]
        field = choices.one("compare.columns", "Columns", others, "What differs beside it.", LABELS.__getitem__)
        columns = _axis(session, field)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        scale = choices.one("compare.scale", "Range", list(SCALES), SCALE, SCALES.__getitem__)
        _describe(session, rows, columns, scale == "one")
    return rows, columns, scale == "one"


def offer_files(places: Sequence[Place], rows: Axis, columns: Axis) -> None:
    """Offer the whole matrix as a picture, and as a folder of pictures, raw numbers and requests."""
    light = [replace(place, result=None) for place in places]  # what waits for a click holds no numbers

    def cells() -> list[matrix.Cell]:
        return [place.cell() for place in light]

    with st.popover("Download", icon=":material/download:"):
        st.download_button(
            "The matrix as a picture (.png)",
            lambda: matrix.picture(cells(), rows, columns),
            "matrix.png",
            "image/png",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Everything in it (.zip)",
            lambda: matrix.archive(cells(), rows, columns),
            "matrix.zip",
            "application/zip",
            on_click="ignore",
            width="stretch",
            help="Each picture, its raw numbers for `numpy.load`, and a list of the requests that make them again.",
        )


def _describe(session: Session, rows: Axis, columns: Axis, shared: bool) -> None:
    """Say what all the cells have in common, and what must be known to read them."""
    base, fields = session.request, (rows.field, columns.field)
    entry = registry.get(base.visualisation)
    same = {
        "visualisation": entry.name,
        "input": session.pictures[base.input].name,
        "model": live.shown(base.model),
        "layer": "every stage" if base.layer == layers.EVERY else base.layer or live.shown(base.model),
    }
    kept = " · ".join(f"{name} **{literal(same[name])}**" for name in same if name not in fields)
    target = dict(base.params).get(TARGET)
    if target is not None:
        named = views.class_name(cache.model(base.model), target) if isinstance(target, int) else str(target)
        kept += f" · target **{literal(named)}**"
    said = [f"From the sidebar: {kept}."]
    if "visualisation" in fields:
        shown = entry.key in next(axis.values for axis in (rows, columns) if axis.field == "visualisation")
        which = f"are those of {entry.name}" if shown else f"are of {entry.name}, which is not shown here"
        said.append(f"The parameters there {which}; the others have their defaults, and its target.")
    if "layer" in fields and "visualisation" not in fields and not entry.kind.of_layer:
        said.append(f"{entry.name} asks no layer: it is the same at each.")
    if "model" in fields and "layer" not in fields:
        said.append("A model without that layer is looked at where it is looked at first.")
    if "model" in fields and isinstance(dict(base.params).get(TARGET), int):
        said.append("A model without that class is asked for its most likely one.")
    if shared and "visualisation" in fields:
        said.append("Each visualisation has a unit of its own: compare brightness within one only.")
    st.caption(" ".join(said))


def _axis(session: Session, field: str) -> Axis:
    options, default = _options(session, field)
    kind = LABELS[field].lower()
    shown = {option: _called(session, field, option) for option in options}
    labels = _labels(field, shown)
    chosen = choices.several(f"compare.{field}", LABELS[field], options, default, labels.__getitem__)
    if not chosen:
        st.caption(f"Choose some {kind}.")
    if len(chosen) > MOST:
        st.caption(f"Shown are the first {MOST} of {len(chosen)}: a matrix has at most {MOST} × {MOST} pictures.")
    values = chosen[:MOST]
    return Axis(field, tuple(values), tuple(shown[value] for value in values))


def _options(session: Session, field: str) -> tuple[list[str], list[str]]:
    """Return what there is to choose from, and what is chosen where nothing was said."""
    base = session.request
    match field:
        case "visualisation":
            options = [entry.key for entry in session.entries]
            return options, [key for key in METHODS if key in options] or options[:FEW]
        case "input":
            return list(session.pictures), [*(own.id for own in session.own), *session.pictures][:FEW]
        case "layer":
            if st.session_state.get(LAYERS_OF) != base.model:  # another model has other stages
                st.session_state.pop("compare.layer", None)
                st.session_state[LAYERS_OF] = base.model
            listed = cache.tree(base.model)
            return [layer.name for layer in listed if layer.name and layer.call], _thinned(layers.stages(listed))
        case _:
            both = [name + catalogue.UNTRAINED for name in session.models if catalogue.can_be_untrained(name)]
            own = [name for name in both if name == base.model + catalogue.UNTRAINED]
            default = list(session.models)[:MOST] if session.stage else [base.model, *own]
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
