"""The sidebar, in which the request is put together: a model, a layer, a visualisation, its parameters."""

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
from mirror_app.models.download import Fetched
from mirror_app.params import Value
from mirror_app.ui import store
from mirror_app.ui.common import layer_facts, page_parts
from mirror_app.ui.components.layer_tree import layer_tree
from mirror_app.ui.sidebar import widgets
from mirror_app.ui.state import query_params
from mirror_app.ui.state.session import TARGET, Session, current
from mirror_app.visualisations import registry

Chosen = tuple[str, dict[str, Value]]  # the layer that a visualisation looks at, its parameters


def draw(place: DeltaGenerator, page: str) -> None:
    """Draw the sidebar and leave the request that it makes in the session and in the address; raise MirrorError.

    `place`, on the page of that name, is where the model's coming is shown. What `choices` wrote for that page into
    the address stays there.
    """
    session = current()
    with st.sidebar:
        st.caption("Look inside an image model.")
        model_name = _model(session)
        store.fetch(model_name, partial(_show_coming, place, model_name))
        place.empty()
        room = st.container(gap="xxsmall")  # the layers stand above the visualisation, by which one of them comes first
        is_dream = page == "dream"
        entry = _dream_entry(session) if is_dream else _entry(list(session.entries), "visualisation")
        with room:
            session.layer = _layer(model_name, entry, session)
        _keep_target(model_name, session)
        model = store.model(model_name, session.outputs.get(model_name, ""))
        layer, values = (_choose_dream if is_dream else _choose)(entry, session, model)
    _aim(values, model, session, place)
    output = session.outputs.get(model_name, "")
    session.request = Request(model_name, session.picture, layer, entry.key, entry.canonical(values), output)
    others = (name for name in (*st.query_params, *session.written_query) if not name.startswith(f"{page}."))
    query_params.write({**dict.fromkeys(others), **session.request.to_query()}, page)


def _choose(entry: registry.Entry, session: Session, model: Model) -> Chosen:
    """Let it be chosen whether a visualisation is shown at every stage, and with which parameters."""
    everywhere = entry.kind.supports_all_stages and st.toggle(
        "At every stage",
        key="everywhere",
        help="Show every stage of the network: one picture for each size of feature map.",
        persist_state="session",
    )
    values = widgets.draw_all(entry, entry.method_params, model)
    values |= _transformations(entry, model)
    if entry.render_params:
        with st.expander("Look", expanded=not entry.method_params):  # what can be changed is in sight
            values |= widgets.draw_all(entry, entry.render_params, model)
    session.run_requested = False
    return layers.EVERY if everywhere else session.layer or "", values


def _choose_dream(entry: registry.Entry, session: Session, model: Model) -> Chosen:
    """Let the parameters of what takes long be chosen, which begins only when it is asked for."""
    begin = st.button("Dream", type="primary", icon=":material/play_arrow:", width="stretch")
    values = widgets.draw_all(entry, {**entry.method_params, **entry.render_params}, model)
    values |= _transformations(entry, model)
    session.run_requested = session.run_requested or begin
    return session.layer or "", values


def _transformations(entry: registry.Entry, model: Model) -> dict[str, Value]:
    """Let it be chosen, folded away, what is done around the computation."""
    if not entry.transform_params:
        return {}
    with st.expander("Transformations"):
        return widgets.draw_all(entry, entry.transform_params, model)


def _keep_target(model_name: str, session: Session) -> None:
    """Where another model was chosen, let the target be what it was by name; else the most likely class, and say so."""
    before, session.target_model = session.target_model or model_name, model_name
    target = st.session_state.get(TARGET)
    if target is None or before == model_name or not store.is_loaded(before):
        return
    here, there = (store.model(name, session.outputs.get(name, "")) for name in (before, model_name))
    if isinstance(target, int):
        kept = matrix.target_there(target, here.classes, there.classes)
    else:
        trees = ({layer.name: layer.call for layer in layer_facts.tree(name)} for name in (before, model_name))
        alike = len({tree.get(targets.parse(target).layer) for tree in trees}) == 1 and here.labels == there.labels
        kept = target if alike else None
    st.session_state[TARGET] = kept
    if kept is None:
        named = here.name_of(target) if isinstance(target, int) else target
        model, what = page_parts.literal(live.shown(model_name)), page_parts.literal(named)
        st.toast(f"{model} has no *{what}*: its most likely class is shown.", icon=":material/swap_horiz:")


def _aim(values: dict[str, Value], model: Model, session: Session, place: DeltaGenerator) -> None:
    """Where a model that marks places is asked for nothing, ask for the surest of its regions or boxes."""
    if values.get(TARGET, "") is not None or model.classes or not model.labels:
        return
    picture = session.pictures[session.picture]
    with suppress(MirrorError):  # the page says why, where the answer should stand
        values[TARGET] = store.prediction(model, picture, partial(_show_asking, place)).surest
    place.empty()


def _dream_entry(session: Session) -> registry.Entry:
    """Let one be chosen of the visualisations that take long; raise MirrorError where there is none."""
    dreams = [entry for entry in session.entries if entry.kind.is_iterative]
    if not dreams:
        raise MirrorError("Nothing that is offered here is made step by step: choose another page.")
    if st.session_state.visualisation in [entry.key for entry in dreams]:
        st.session_state.setdefault("dream-visualisation", st.session_state.visualisation)
    return _entry(dreams, "dream-visualisation")


def _entry(entries: Sequence[registry.Entry], key: str) -> registry.Entry:
    names = {entry.key: entry.name for entry in entries}
    return registry.get(
        st.selectbox("Visualisation", list(names), format_func=names.__getitem__, key=key, persist_state="session")
    )


def _model(session: Session) -> str:
    sizes = catalogue.to_fetch()
    name = st.selectbox(
        "Model",
        session.models,
        format_func=lambda name: (
            f"{name} · {sizes[name] / 2**20:,.0f} MB to fetch" if name in sizes else live.shown(name)
        ),
        key="model",
        persist_state="session",
    )
    if catalogue.can_be_untrained(name) and st.toggle(
        "Untrained",
        key="untrained",
        help="Random weights: what the architecture sees before it has learned anything. Nothing is fetched.",
        persist_state="session",
    ):
        name += catalogue.UNTRAINED
    return name


def _show_coming(place: DeltaGenerator, name: str, fetched: Fetched | None) -> None:
    if fetched is None:
        place.progress(0.0, f"Building **{name}** …")
    else:
        there, total = (size / 2**20 for size in (fetched.bytes, fetched.total))
        place.progress(fetched.share, f"Fetching **{name}**, once: {there:,.0f} of {total:,.0f} MB …")


def _show_asking(place: DeltaGenerator, state: str) -> None:
    place.badge(f"The model's answer: {state.lower()} …", icon=":material/progress_activity:", color="violet")


def _layer(model_name: str, entry: registry.Entry, session: Session) -> str:
    listed = layer_facts.tree(model_name)
    module = store.model(model_name).module
    first, chosen = layers.default_layer(listed, entry.kind.before_last), session.layer
    before, session.layer_entry = session.layer_entry or entry, entry
    if chosen == layers.default_layer(listed, before.kind.before_last):
        chosen = first  # nothing was chosen: another visualisation begins where it does
    if session.link_at_last_stage:
        chosen, session.link_at_last_stage = layers.default_layer(listed), False
    if session.linked_layer is not None:
        try:
            chosen = layers.find(module, session.linked_layer)
        except MirrorError as error:
            session.problems.append(f"In the link: {error}")
        session.linked_layer = None
    if chosen not in {layer.name for layer in listed}:
        chosen = first
    st.markdown(":small[Layer]", help="Layers are listed in the order in which they run.")
    picked = layer_tree([_node(layer, model_name) for layer in listed], chosen, key="layers", height=300)
    if picked != chosen:
        st.session_state.everywhere = False  # who clicks on a layer wants to see it
    return picked


def _node(layer: layers.Layer, model_name: str) -> dict[str, object]:
    shape = layer.call.shape if layer.call else None
    return {
        "name": layer.name,
        "label": layer.label or live.shown(model_name),
        "type": layer.type,
        "shape": " × ".join(map(str, shape)) if shape else "",
        "weights": short(layer.weights) if layer.weights else "",
        "reached": layer.call is not None,
        "parent": layer.parent,
        "note": f"{layer.name or live.shown(model_name)}: {layer.type}, {layer.weights:,} weights",
    }


def short(count: int) -> str:
    """Return a count as a person would say it: 9.2 k, 1.3 M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)
