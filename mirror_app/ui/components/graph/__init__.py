"""The graph of a network's layers, in which a box is clicked on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from mirror_app.ui.components.from_folder import from_folder

_component = from_folder(Path(__file__).parent)


def graph(dot: str, layers: Sequence[str], chosen: str, key: str, on_pick: Callable[[], None]) -> None:
    """Show a graph in Graphviz's language, scrolled to the layer that is chosen.

    layers: the dotted names that can be picked: of boxes, and of the frames around them.
    on_pick: called at the start of the run that a pick causes; `st.session_state[key].picked` is the layer.
    """
    st.graphviz_chart(dot, width="content")
    _component(key=key, data={"layers": list(layers), "chosen": chosen}, on_picked_change=on_pick)
