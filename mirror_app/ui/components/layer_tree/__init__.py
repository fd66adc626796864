"""The tree of a model's layers; the visitor selects one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from mirror_app.ui.components.from_folder import from_folder
from mirror_app.ui.state import widget_state

_component = from_folder(Path(__file__).parent)


@dataclass
class _Choice:
    """The record of what Python and the tree have sent each other."""

    pushed: str  # the layer that Python last sent
    push_count: int  # how many layers Python has sent
    returned: str  # the layer that the tree last sent back


def layer_tree(nodes: Sequence[Mapping[str, object]], selected: str, key: str, height: int = 420) -> str:
    """Show the layers as a tree.

    Args:
        nodes: The layers in the order they run, each parent before its children, with `name` (dotted, "" for the
            model itself), `label`, `type`, `shape`, `weights`, `reached`, `parent` (None for the model) and `note` (a
            tooltip). A layer that was not reached can be expanded but not selected.
        selected: The name returned by the last call, or another name to select that layer.
        key: The key of the component, unique on the page.
        height: The maximum height of the list of rows in CSS pixels; a longer list scrolls.

    Returns:
        The dotted name of the selected layer. Store it before any other call to Streamlit: if the visitor has clicked
        again, that call may end the run.
    """
    choice: _Choice = widget_state.tree_choice(key).setdefault(_Choice(selected, 0, selected))
    if selected != choice.returned:
        choice.pushed, choice.push_count, choice.returned = selected, choice.push_count + 1, selected
    with st.container(gap=None):
        # The selection is sent separately, so that neither a click nor a new selection sends the nodes again.
        _component(key=f"{key}.asked", data={"key": key, "pushed": choice.pushed, "pushCount": choice.push_count})
        tree = {"key": key, "nodes": [dict(node) for node in nodes], "height": height}
        picked = _component(key=key, data=tree, on_picked_change=lambda: None).picked
    # A click counts only if the browser already knew the last layer that Python sent.
    match picked:
        case {"name": str(name), "pushCount": choice.push_count} if any(node["name"] == name for node in nodes):
            choice.returned = name
    return choice.returned
