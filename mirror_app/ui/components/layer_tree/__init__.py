"""The tree of a model's layers, in which one is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from mirror_app.ui.components.from_folder import from_folder

_component = from_folder(Path(__file__).parent)


@dataclass
class _Choice:
    """What Python last asked the tree to select, how often it asked, and what the tree last returned."""

    asked: str
    times: int
    returned: str


def layer_tree(nodes: Sequence[Mapping[str, object]], selected: str, key: str, height: int = 420) -> str:
    """Show the layers as a tree and return the dotted name of the one selected now.

    nodes: the layers in the order in which they run, each parent before its children, with `name` (dotted, ""
    for the model itself), `label`, `type`, `shape`, `weights`, `reached`, `parent` (None for the model) and
    `note` (a tooltip). A layer that was not reached is shown and opens, but a click does not select it.
    selected: what was returned last time, or another name to select that one. Keep what is returned at once,
    before any other call to Streamlit, since a newer click may end the run there.
    height: at most so many CSS pixels for the rows, which scroll.
    """
    choice: _Choice = st.session_state.setdefault(f"{key}.choice", _Choice(selected, 0, selected))
    if selected != choice.returned:
        choice.asked, choice.times, choice.returned = selected, choice.times + 1, selected
    with st.container(gap=None):
        # Apart from the nodes, so that neither a click nor a question sends them again.
        _component(key=f"{key}.asked", data={"key": key, "asked": choice.asked, "times": choice.times})
        tree = {"key": key, "nodes": [dict(node) for node in nodes], "height": height}
        picked = _component(key=key, data=tree, on_picked_change=lambda: None).picked
    # A click counts only if it came after the last time that Python asked.
    match picked:
        case {"name": str(name), "times": choice.times} if any(node["name"] == name for node in nodes):
            choice.returned = name
    return choice.returned
