"""Buttons that explain what was clicked: a class, a feature map, or one of its units."""

from collections.abc import Mapping

import streamlit as st

from mirror_app import targets
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import current, explain_target
from mirror_app.visualisations.registry import Entry

FIRST = "back-prop"  # the preselected visualisation that explains a target


def explaining_entry(selected: Entry) -> Entry | None:
    """Return the visualisation that explains a clicked class: `selected` if it takes a target, or another that does."""
    session = current()
    candidates = (selected, session.default_entry, *session.entries)
    return next((entry for entry in candidates if entry.takes_target), None)


def choose_target(entry: Entry, target: int | str) -> None:
    """Select `entry` and let it explain `target`, a class number or a text. Only for callbacks."""
    widget_state.VISUALISATION.value = entry.key
    widget_state.TARGET.value = target


def offer_map(channel: str, cell: tuple[int, int] | None) -> None:
    """Offer to explain `channel` (a target as text) and the unit in it that was clicked last; `cell` is a new click."""
    if cell:
        widget_state.CLICKED_UNIT.value = channel, cell
    last_clicked = widget_state.CLICKED_UNIT.value
    st.caption("What in the picture activates this map? Click a cell to explain that one unit.")
    clicked_cell = last_clicked[1] if last_clicked and last_clicked[0] == channel else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        entry = _method("map")
        _button(entry, channel, "Explain this map")
        if clicked_cell:
            _button(
                entry,
                f"{channel}@{clicked_cell[0]},{clicked_cell[1]}",
                f"Explain row {clicked_cell[0]}, column {clicked_cell[1]}",
            )


def offer_targets(targets_by_label: Mapping[str, str]) -> None:
    """Offer to explain targets, each with a button that has its label."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        entry = _method("answer")
        for label, target in targets_by_label.items():
            _button(entry, target, label)


def _method(context: str) -> Entry:
    by_key = {entry.key: entry for entry in current().entries if entry.takes_target}
    keys = list(by_key)
    start = keys.index(FIRST) if FIRST in keys else 0
    names = {key: entry.name for key, entry in by_key.items()}
    key = f"explain-with.{context}"
    return by_key[st.selectbox("Explain with", keys, start, format_func=names.__getitem__, key=key, width=200)]


def _button(entry: Entry, target: str, label: str) -> None:
    hint = f"Show what in the picture activates {targets.parse(target).description}."
    if st.button(label, on_click=explain_target, args=(entry, target), help=hint):
        st.rerun()  # reruns the whole page, not only this fragment
