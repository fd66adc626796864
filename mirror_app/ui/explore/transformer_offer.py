"""The way from the bundled network, which has no attention, to the bundled transformer."""

import streamlit as st

from mirror_app.models import catalogue
from mirror_app.ui.state import widget_state
from mirror_app.ui.store import Selection


def show(selection: Selection) -> None:
    """Offer the bundled transformer if the visualisation needs attention and the bundled network is selected."""
    if selection.entry.kind.needs_attention and selection.request.model == catalogue.BUNDLED:
        st.button(
            "Show it with the bundled transformer",
            type="primary",
            icon=":material/swap_horiz:",
            on_click=_choose_transformer,
        )


def _choose_transformer() -> None:
    widget_state.MODEL.value = catalogue.BUNDLED_TRANSFORMER
