"""The parts of the architecture page: the totals, the graph, the table of layers."""

from dataclasses import replace
from typing import Any

import streamlit as st

from mirror_app import live
from mirror_app.layers import Layer
from mirror_app.models import Model
from mirror_app.probe import Cost
from mirror_app.ui.architecture import diagram
from mirror_app.ui.common import layer_facts, page_parts
from mirror_app.ui.components.graph import graph
from mirror_app.ui.sidebar.selection import short
from mirror_app.ui.state.session import Session, open_in_explore

HEIGHT = 440
_MAPS = "activations"


def show_totals(model: Model) -> None:
    """Say in one line how large the model is and what one picture costs."""
    whole = layer_facts.costs(model.name)[""]
    height, width = model.blank().shape[2:]
    weights = sum(parameter.numel() for parameter in model.module.parameters())
    st.caption(
        f"**{live.display_name(model.name)}**: {len(layer_facts.tree(model.name))} layers, {short(weights)} weights, "
        f"and {short(whole.multiply_adds)} multiply-adds for a picture of {width} × {height} pixels."
    )


def show_graph(model: Model, session: Session) -> None:
    """Show the layers around the chosen one as a graph, the others folded; a click on a box chooses, everywhere."""
    listed = layer_facts.tree(model.name)
    chosen = session.layer or ""
    boxes = diagram.unfolded(listed, chosen)
    edges = layer_facts.flow(model.name, tuple(boxes))
    can_be_chosen = [layer.name for layer in listed if layer.call]
    told = "Click a box to select and expand it; click its frame to go back up."
    if diagram.crowded(boxes, edges):
        edges = diagram.nearest(boxes, edges)
        told += " Most layers here feed all later ones: only the arrow from the nearest is drawn."

    def choose() -> None:
        if st.session_state.graph.picked in can_be_chosen:
            session.layer = st.session_state.graph.picked

    with st.container(height=HEIGHT, border=True):
        graph(diagram.dot(listed, boxes, edges, chosen), can_be_chosen, chosen, "graph", choose)
    with st.container(horizontal=True, vertical_alignment="center"):
        if _MAPS in {entry.key for entry in session.entries}:
            st.button(
                f"Show the maps of {page_parts.literal(chosen or live.display_name(model.name))}",
                icon=":material/search:",
                on_click=open_in_explore,
                args=(replace(session.request, layer=chosen, visualisation=_MAPS, params=()),),
            )
        st.caption(told, width="content")


def show_table(model: Model, session: Session) -> None:
    """Show every layer that runs with what it costs; a click on a row chooses the layer, everywhere."""
    costs = layer_facts.costs(model.name)
    listed = [layer for layer in layer_facts.tree(model.name) if layer.name in costs]
    key = f"architecture.{model.name}"

    def choose() -> None:
        if rows := st.session_state[key].selection.rows:
            session.layer = listed[rows[0]].name

    total = costs[""].seconds
    rows = [number for number, layer in enumerate(listed) if layer.name == session.layer]
    if rows != st.session_state.get(key, {}).get("selection", {}).get("rows"):  # it was chosen elsewhere
        st.session_state[key] = {"selection": {"rows": rows}}
    st.dataframe(
        [_row(layer, costs[layer.name], total, live.display_name(model.name)) for layer in listed],
        height=HEIGHT,
        hide_index=True,
        key=key,
        on_select=choose,
        selection_mode="single-row",
        placeholder="",
        column_config={
            "layer": st.column_config.TextColumn(pinned=True),
            "type": st.column_config.TextColumn(width=100),
            "weights": st.column_config.NumberColumn(format="compact", width=60),
            "multiply-adds": st.column_config.NumberColumn(format="compact", width=95),
            "time": st.column_config.ProgressColumn(
                format="percent",
                max_value=1.0,
                width=95,
                help="Share of the total time, including the layers inside it; the fastest of up to five passes.",
            ),
            "receptive field": st.column_config.NumberColumn(
                format="%d px",
                width=100,
                help="Side of the input area that one output location sees. Empty: the whole picture, or unknown.",
            ),
            "memory": st.column_config.NumberColumn(
                format="bytes", width=75, help="Of the layer's output, for one picture."
            ),
        },
    )
    parents = {layer.parent for layer in listed}
    slowest = max((layer.name for layer in listed if layer.name not in parents), key=lambda name: costs[name].seconds)
    named, share = page_parts.literal(slowest or live.display_name(model.name)), costs[slowest].seconds / total
    st.caption(
        "Tick a row to select the layer; click a heading to sort. "
        f"Slowest layer: **{named}** ({share:.0%} of the time)."
    )


def _row(layer: Layer, cost: Cost, total: float, model: str) -> dict[str, Any]:
    shape = layer.call.shape if layer.call else None
    return {
        "layer": layer.name or model,
        "type": layer.type,
        "output": " × ".join(map(str, shape)) if shape else "",
        "time": cost.seconds / total,
        "receptive field": max(cost.receptive_field) if cost.receptive_field else None,
        "weights": layer.weights,
        "multiply-adds": cost.multiply_adds,
        "memory": cost.bytes,
    }
