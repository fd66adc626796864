"""From what is pointed at to a target: a map is a channel, a place of it a unit."""

import streamlit as st

from mirror_app import targets
from mirror_app.ui.state.session import TARGET, current, explain_target
from mirror_app.visualisations import registry

FIRST = "back-prop"  # what explains a target, where nothing else was chosen


def explaining() -> registry.Entry | None:
    """Return what explains a class that is clicked on: what is chosen, else the first that takes a target, if any."""
    session = current()
    candidates = [registry.get(key) for key in (st.session_state.visualisation, session.default_visualisation)]
    return next((entry for entry in (*candidates, *session.entries) if TARGET in entry.params), None)


def choose_class(entry: registry.Entry, number: int) -> None:
    """Let `entry` explain the class of that number; for callbacks, as `explain_target`."""
    st.session_state.visualisation = entry.key
    st.session_state[TARGET] = number


def ask(channel: str, place: tuple[int, int] | None) -> None:
    """Let the visitor ask what in the picture raises a channel, a target's text, or its unit at the place picked."""
    remembered = st.session_state.get("pointed")
    if place:
        remembered = st.session_state.pointed = (channel, place)
    st.caption("What in the picture raises this map? Or click on a place of it to ask about that one unit.")
    unit = remembered[1] if remembered and remembered[0] == channel else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        entry = _method("map")
        _button(entry, channel, "Explain this map")
        if unit:
            _button(entry, f"{channel}@{unit[0]},{unit[1]}", f"Explain row {unit[0]}, column {unit[1]}")


def explain(target: str, label: str) -> None:
    """Let the visitor ask what in the picture raises a target."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _button(_method("answer"), target, label)


def _method(place: str) -> registry.Entry:
    able = {entry.key: entry for entry in current().entries if "target_class" in entry.params}
    keys = list(able)
    start = keys.index(FIRST) if FIRST in keys else 0
    names = {key: entry.name for key, entry in able.items()}
    key = f"explain-with.{place}"
    return able[st.selectbox("Explain it with", keys, start, format_func=names.__getitem__, key=key, width=200)]


def _button(entry: registry.Entry, target: str, label: str) -> None:
    words = targets.parse(target).description
    if st.button(
        label, on_click=explain_target, args=(entry, target), help=f"Show what in the picture raises {words}."
    ):
        st.rerun()  # the whole page, and not this part of it alone
