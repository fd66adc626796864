"""The graph of a network's layers, with boxes that can be clicked."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from mirror_app.ui.components.from_folder import from_folder

_component = from_folder(Path(__file__).parent)


def graph(dot: str, layers: Sequence[str], chosen: str, key: str, on_pick: Callable[[], None]) -> None:
    """Show a graph, scrolled to the chosen layer.

    Args:
        dot: The graph in Graphviz's language.
        layers: The dotted names of the layers that can be picked, shown as boxes or as frames around them.
        chosen: The name of the chosen layer.
        key: The key of the component, unique on the page.
        on_pick: Called at the start of the run that a pick causes; the layer is in `ComponentValue(key, "picked")`.
    """
    st.graphviz_chart(dot, width="content")
    _component(key=key, data={"layers": list(layers), "chosen": chosen}, on_picked_change=on_pick)
