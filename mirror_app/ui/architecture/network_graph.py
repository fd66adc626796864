"""The sections of the Architecture page: the totals, the costliest layers, the graph and the table of layers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from mirror_app import live
from mirror_app.layers import Layer
from mirror_app.models import Model
from mirror_app.probe import Cost
from mirror_app.ui.architecture import diagram
from mirror_app.ui.architecture.costliest import costliest
from mirror_app.ui.common import layer_facts, page_parts
from mirror_app.ui.components.graph import graph
from mirror_app.ui.sidebar.selection import short
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session, choose_layer, open_in_explore

HEIGHT = 480  # pixels; for both the graph and the table
_ACTIVATIONS = "activations"


def show_totals(model: Model) -> None:
    """Show the size of the model and the cost of one picture, in one line."""
    total_cost = layer_facts.costs(model.name)[""]
    height, width = model.blank().shape[2:]
    weights = sum(parameter.numel() for parameter in model.module.parameters())
    st.caption(
        f"**{live.display_name(model.name)}**: {len(layer_facts.tree(model.name))} layers, {short(weights)} weights, "
        f"and {short(total_cost.multiply_adds)} multiply-adds for a picture of {width} × {height} pixels."
    )


def show_costliest(model: Model) -> None:
    """Show the costliest layer by each measure in a tile; its button chooses the layer, on all pages."""
    with st.container(key="costliest"):
        for each in costliest(layer_facts.tree(model.name), layer_facts.costs(model.name)):
            with st.container(border=True, gap=None):
                st.caption(each.title)
                st.button(
                    page_parts.literal(each.layer or live.display_name(model.name)),
                    key=f"costliest {each.measure}",
                    type="tertiary",
                    help="Select this layer.",
                    on_click=choose_layer,
                    args=(each.layer,),
                )
                st.markdown(f"**{each.value}** · {each.share:.0%} of the {each.measure}")


def show_graph(model: Model, session: Session) -> None:
    """Show the graph, expanded around the chosen layer; a click on a box chooses a layer, on all pages."""
    all_layers = layer_facts.tree(model.name)
    chosen = session.layer or ""
    boxes = diagram.visible_boxes(all_layers, chosen)
    edges = layer_facts.flow(model.name, tuple(boxes))
    selectable = [layer.name for layer in all_layers if layer.call]
    shares = _shares_of_time(model, boxes)
    caption = "Click a box to select and expand it; click its frame to go back up."
    if shares:
        slowest = max(shares, key=shares.__getitem__)
        caption += (
            " The stronger its violet, the more of the time it takes: up to "
            f"{shares[slowest]:.0%}, in {page_parts.literal(slowest or live.display_name(model.name))}."
        )
    if diagram.is_crowded(boxes, edges):
        edges = diagram.nearest_edges(boxes, edges)
        caption += (
            " Most layers here feed all later ones, so each box shows only one incoming arrow, from the latest layer "
            "that feeds it."
        )

    def choose() -> None:
        picked = widget_state.PICKED_LAYER.value
        if isinstance(picked, str) and picked in selectable:
            choose_layer(picked)

    with st.container(height=HEIGHT, border=True):
        dot = diagram.to_dot(all_layers, boxes, edges, chosen, shares)
        graph(dot, selectable, chosen, widget_state.PICKED_LAYER.key, choose)
    with st.container(horizontal=True, vertical_alignment="center"):
        if _ACTIVATIONS in {entry.key for entry in session.entries}:
            st.button(
                f"Show the maps of {page_parts.literal(chosen or live.display_name(model.name))}",
                icon=":material/search:",
                on_click=open_in_explore,
                args=(replace(session.request, layer=chosen, visualisation=_ACTIVATIONS, params=()),),
            )
        st.caption(caption, width="content")


def show_table(model: Model, session: Session) -> None:
    """Show every layer that runs and its cost; a click on a row chooses the layer, on all pages."""
    costs = layer_facts.costs(model.name)
    measured = [layer for layer in layer_facts.tree(model.name) if layer.name in costs]
    table = widget_state.layer_table(model.name)

    def choose() -> None:
        if rows := table.value["selection"]["rows"]:
            choose_layer(measured[rows[0]].name)

    total_seconds = costs[""].seconds
    selected_rows = [number for number, layer in enumerate(measured) if layer.name == session.layer]
    if selected_rows != table.value.get("selection", {}).get("rows"):  # chosen elsewhere
        table.value = {"selection": {"rows": selected_rows}}
    st.dataframe(
        [_row(layer, costs[layer.name], total_seconds, live.display_name(model.name)) for layer in measured],
        height=HEIGHT,
        hide_index=True,
        key=table.key,
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
                help="The share of the total time that is spent in this layer and the layers inside it. A layer's "
                "time is that of the fastest of up to five passes.",
            ),
            "receptive field": st.column_config.NumberColumn(
                format="%d px",
                width=100,
                help="Side of the input area that one output location sees. Empty if it is the whole picture or "
                "unknown.",
            ),
            "memory": st.column_config.NumberColumn(
                format="bytes", width=75, help="Memory of the layer's output for one picture."
            ),
        },
    )
    st.caption("Tick a row to select the layer; click a heading to sort.")


def _shares_of_time(model: Model, names: Sequence[str]) -> dict[str, float]:
    """Return the share of the total time that each of the named layers takes, with the layers inside it."""
    costs = layer_facts.costs(model.name)
    total = costs[""].seconds
    return {name: costs[name].seconds / total for name in names if name in costs}


def _row(layer: Layer, cost: Cost, total_seconds: float, model: str) -> dict[str, Any]:
    shape = layer.call.shape if layer.call else None
    return {
        "layer": layer.name or model,
        "type": layer.type,
        "output": " × ".join(map(str, shape)) if shape else "",
        "time": cost.seconds / total_seconds,
        "receptive field": max(cost.receptive_field) if cost.receptive_field else None,
        "weights": layer.weights,
        "multiply-adds": cost.multiply_adds,
        "memory": cost.bytes,
    }
