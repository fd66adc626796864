"""The sidebar, which builds the request: the model, layer and visualisation, and its parameters."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import layers, live, targets
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export import matrix
from mirror_app.models import Model, catalogue
from mirror_app.models.transfer import DownloadProgress
from mirror_app.params import TARGET, Value
from mirror_app.ui import store
from mirror_app.ui.common import layer_facts, model_labels, page_parts
from mirror_app.ui.components.layer_tree import layer_tree
from mirror_app.ui.sidebar import widgets
from mirror_app.ui.state import query_params, widget_state
from mirror_app.ui.state.session import Session, current
from mirror_app.ui.state.widget_state import StateValue
from mirror_app.visualisations.registry import Entry

ARCHITECTURE = "architecture"
Selected = tuple[str, dict[str, Value]]  # the layer and the parameters


def draw(status: DeltaGenerator, page: str) -> None:
    """Draw the sidebar, and write the request that it selects into the session and the URL. May raise MirrorError.

    `status` is an empty element of the page, in which the loading of the model is shown. URL parameters that belong to
    `page`, such as 'compare.rows', are kept; those of other pages are removed. The Architecture page concerns the model
    and its layers only, so there the visualisation and its parameters are not drawn; they stay as they are.
    """
    session = current()
    with st.sidebar:
        st.caption("Look inside an image model.")
        model_name = _model(session)
        knowledge = st.empty()
        store.fetch(model_name, partial(_show_loading, status, model_name))
        status.empty()
        # The layer tree is shown first but drawn after the visualisation, on which the default layer depends.
        tree_container = st.container(gap="xxsmall")
        entry = _choose_entry(session, page)
        with tree_container:
            session.layer = _layer(model_name, entry, session)
        _keep_target(model_name, session)
        model = store.model(model_name, session.outputs.get(model_name, ""))
        knowledge.caption(model_labels.knowledge(model_name, model))
        layer, values = _CHOOSE_PARAMS.get(page, _choose_params)(entry, session, model)
    _set_default_target(values, model, session, status)
    output = session.outputs.get(model_name, "")
    session.request = Request(model_name, session.picture, layer, entry.key, entry.canonical(values), output)
    outdated = (name for name in (*st.query_params, *session.written_query) if not name.startswith(f"{page}."))
    query_params.write({**dict.fromkeys(outdated), **session.request.to_query()}, page)


def _choose_params(entry: Entry, session: Session, model: Model) -> Selected:
    """Show the “At every stage” switch, and the widgets of the parameters."""
    everywhere = entry.kind.supports_all_stages and st.toggle(
        "At every stage",
        key=widget_state.EVERYWHERE.key,
        help="Show every stage of the network: one picture for each size of feature map.",
        persist_state="session",
    )
    values = widgets.draw_all(entry, entry.method_params, model)
    values |= _transformations(entry, model)
    if entry.render_params:
        with st.expander("Look", expanded=not entry.method_params):  # open if there is nothing else to set
            values |= widgets.draw_all(entry, entry.render_params, model)
    session.run_requested = False
    return layers.EVERY if everywhere else session.layer or "", values


def _choose_dream_params(entry: Entry, session: Session, model: Model) -> Selected:
    """Show the button that starts a dream, and the widgets of its parameters."""
    is_pressed = st.button("Dream", type="primary", icon=":material/play_arrow:", width="stretch")
    values = widgets.draw_all(entry, {**entry.method_params, **entry.render_params}, model)
    values |= _transformations(entry, model)
    session.run_requested = session.run_requested or is_pressed
    return session.layer or "", values


def _keep_params(entry: Entry, session: Session, model: Model) -> Selected:
    """Return what was chosen on other pages, and draw nothing."""
    everywhere = entry.kind.supports_all_stages and widget_state.EVERYWHERE.value
    session.run_requested = False
    return layers.EVERY if everywhere else session.layer or "", widgets.chosen(entry, entry.params)


_CHOOSE_PARAMS = {"dream": _choose_dream_params, ARCHITECTURE: _keep_params}


def _transformations(entry: Entry, model: Model) -> dict[str, Value]:
    """Show the widgets of the transformations, collapsed."""
    if not entry.transform_params:
        return {}
    with st.expander("Transformations"):
        return widgets.draw_all(entry, entry.transform_params, model)


def _keep_target(model_name: str, session: Session) -> None:
    """After a change of the model, keep the target if the new model has it too; otherwise, reset it with a message."""
    previous_name, session.target_model = session.target_model or model_name, model_name
    target = widget_state.TARGET.value
    if target is None or previous_name == model_name or not store.is_loaded(previous_name):
        return
    names = previous_name, model_name
    previous, current_model = (store.model(name, session.outputs.get(name, "")) for name in names)
    if isinstance(target, int):
        new_target = matrix.corresponding_target(target, previous.classes, current_model.classes)
    else:
        trees = ({layer.name: layer.call for layer in layer_facts.tree(name)} for name in names)
        has_same_layer = len({tree.get(targets.parse(str(target)).layer) for tree in trees}) == 1
        new_target = target if has_same_layer and previous.labels == current_model.labels else None
    widget_state.TARGET.value = new_target
    if new_target is None:
        target_name = previous.name_of(target) if isinstance(target, int) else str(target)
        model, missing = page_parts.literal(live.display_name(model_name)), page_parts.literal(target_name)
        st.toast(f"{model} has no *{missing}*: its most likely class is shown.", icon=":material/swap_horiz:")


def _set_default_target(values: dict[str, Value], model: Model, session: Session, status: DeltaGenerator) -> None:
    """Explain the most certain box or region of a model that predicts boxes or regions, unless a target is selected."""
    if values.get(TARGET, "") is not None or model.classes or not model.labels:
        return
    with suppress(MirrorError):  # the page shows the error in place of the prediction
        prediction = store.prediction(model, session.selected_picture, partial(_show_predicting, status))
        values[TARGET] = prediction.most_confident_target
    status.empty()


def _choose_entry(session: Session, page: str) -> Entry:
    """Show the choice of a visualisation, except on the Architecture page, which shows none."""
    if page == "dream":
        return _dream_entry(session)
    entries = {entry.key: entry for entry in session.entries}
    if page == ARCHITECTURE:
        return entries.get(widget_state.VISUALISATION.value) or session.default_entry
    return _entry(list(entries.values()), widget_state.VISUALISATION)


def _dream_entry(session: Session) -> Entry:
    """Show the choice of a visualisation for the Dream page; raise MirrorError if there is none."""
    dreams = [entry for entry in session.entries if entry.kind.is_iterative]
    if not dreams:
        raise MirrorError("None of the visualisations offered here runs step by step.", hint="Choose another page.")
    if widget_state.VISUALISATION.value in [entry.key for entry in dreams]:
        widget_state.DREAM_VISUALISATION.setdefault(widget_state.VISUALISATION.value)
    return _entry(dreams, widget_state.DREAM_VISUALISATION)


def _entry(entries: Sequence[Entry], chosen: StateValue[str]) -> Entry:
    by_key = {entry.key: entry for entry in entries}
    names = {key: entry.name for key, entry in by_key.items()}
    key = st.selectbox(
        "Visualisation", list(names), format_func=names.__getitem__, key=chosen.key, persist_state="session"
    )
    return by_key[key]


def _model(session: Session) -> str:
    names = session.models
    is_open = not session.live_session and catalogue.accepts_any_name()
    labels = model_labels.labels(names)
    name = st.selectbox(
        "Model",
        names,
        format_func=lambda name: labels.get(name, name),  # a name that was entered has no label
        key=widget_state.MODEL.key,
        help="Choose a model, or enter the name of one on the Hugging Face hub: owner/name." if is_open else None,
        accept_new_options=is_open,
        on_change=partial(_check_model, widget_state.MODEL.setdefault(names[0])) if is_open else "rerun",
        persist_state="session",
    )
    assert name is not None  # the list is never empty
    name = model_labels.name_in(name) if is_open else name
    if catalogue.can_be_untrained(name) and st.toggle(
        "Untrained",
        key=widget_state.UNTRAINED.key,
        help="Use random weights, to see what the architecture shows before training. Nothing is downloaded.",
        persist_state="session",
    ):
        name += catalogue.UNTRAINED
    return name


def _check_model(previous: str) -> None:
    """Keep the previous model if the entered text cannot be the name of a model. A callback of the model's widget."""
    try:
        name = catalogue.check(catalogue.without_address(model_labels.name_in(widget_state.MODEL.value)))
    except MirrorError as error:
        current().problems.append(str(error))
        widget_state.MODEL.value = previous
        return
    widget_state.MODEL.value = name.removesuffix(catalogue.UNTRAINED)
    if widget_state.MODEL.value != name:
        widget_state.UNTRAINED.value = True


def _show_loading(status: DeltaGenerator, name: str, fetched: DownloadProgress | None) -> None:
    if fetched is None:
        status.progress(0.0, f"Building **{name}** …")
    else:
        received, total = (size / 2**20 for size in (fetched.bytes, fetched.total))
        status.progress(
            fetched.share, f"Downloading **{name}** (only needed once): {received:,.0f} of {total:,.0f} MB …"
        )


def _show_predicting(status: DeltaGenerator, state: str) -> None:
    status.badge(f"Prediction: {state.lower()} …", icon=":material/progress_activity:", color="violet")


def _layer(model_name: str, entry: Entry, session: Session) -> str:
    tree = layer_facts.tree(model_name)
    module = store.model(model_name).module
    default, selected = layers.default_layer(tree, entry.kind.before_last), session.layer
    previous, session.layer_entry = session.layer_entry or entry, entry
    if selected == layers.default_layer(tree, previous.kind.before_last):
        selected = default  # no layer was selected: each visualisation has its own default
    if session.link_at_last_stage:
        selected, session.link_at_last_stage = layers.default_layer(tree), False
    if session.linked_layer is not None:
        try:
            selected = layers.find(module, session.linked_layer)
        except MirrorError as error:
            session.problems.append(f"In the link: {error}")
        session.linked_layer = None
    if selected not in {layer.name for layer in tree}:
        selected = default
    st.markdown(":small[Layer]", help="Layers are listed in the order they run.")
    picked = layer_tree([_node(layer, model_name) for layer in tree], selected, key="layers", height=300)
    if picked != selected:
        widget_state.EVERYWHERE.value = False  # show the layer that was clicked
    return picked


def _node(layer: layers.Layer, model_name: str) -> dict[str, object]:
    shape = layer.call.shape if layer.call else None
    return {
        "name": layer.name,
        "label": layer.label or live.display_name(model_name),
        "type": layer.type,
        "shape": " × ".join(map(str, shape)) if shape else "",
        "weights": short(layer.weights) if layer.weights else "",
        "reached": layer.call is not None,
        "parent": layer.parent,
        "note": f"{layer.name or live.display_name(model_name)}: {layer.type}, {layer.weights:,} weights",
    }


def short(count: int) -> str:
    """Return a count in a short form, such as 9.2 k or 1.3 M."""
    for suffix, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {suffix}"
    return str(count)
