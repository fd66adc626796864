"""The sidebar, in which the request is put together: a model, a layer, a visualisation, its parameters."""

import streamlit as st

from mirror_app import layers, registry
from mirror_app.models import catalogue
from mirror_app.request import Request
from mirror_app.ui import cache, widgets
from mirror_app.ui.layer_tree import layer_tree
from mirror_app.ui.session import current


def draw() -> None:
    """Draw the sidebar and leave the request that it makes in the session and in the address."""
    session = current()
    with st.sidebar:
        model_name = st.selectbox("Model", catalogue.names(), key="model", persist_state="session")
        session.layer = _layer(model_name, session.layer)
        entry = registry.get(
            st.selectbox(
                "Visualisation",
                [entry.key for entry in registry.entries()],
                format_func=lambda key: registry.get(key).name,
                key="visualisation",
                persist_state="session",
            )
        )
        classes = cache.model(model_name).classes
        values = widgets.draw_all(entry, entry.computed, classes)
        with st.expander("Colours"):
            values |= widgets.draw_all(entry, entry.coloured, classes)
    session.request = Request(model_name, session.picture, session.layer, entry.key, entry.canonical(values))
    if st.query_params.to_dict() != session.request.to_query():
        st.query_params.from_dict(session.request.to_query())


def _layer(model_name: str, chosen: str | None) -> str:
    listed = cache.tree(model_name)
    if chosen not in {layer.name for layer in listed}:
        chosen = layers.whole(listed, layers.last_convolution(cache.model(model_name).module))
    return layer_tree([_node(layer, model_name) for layer in listed], chosen, key="layers", height=300)


def _node(layer: layers.Layer, model_name: str) -> dict[str, object]:
    shape = layer.call.shape if layer.call else None
    return {
        "name": layer.name,
        "label": layer.label or model_name,
        "type": layer.type,
        "shape": " × ".join(map(str, shape)) if shape else "",
        "weights": short(layer.weights) if layer.weights else "",
        "reached": layer.call is not None,
        "parent": layer.parent,
        "note": f"{layer.name or model_name}: {layer.type}, {layer.weights:,} weights",
    }


def short(count: int) -> str:
    """Return a count as a person would say it: 9.2 k, 1.3 M."""
    for unit, size in (("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)
