"""The newest frame of a film: it travels as bytes, since the address of a frame is gone when the next one comes."""

import streamlit as st

from mirror_app.ui.front import front

_component = st.components.v2.component(
    "mirror_frame",
    css=front("components/frame.css"),
    js=front("components/frame.js"),
)


def frame(png: bytes, key: str) -> None:
    """Show a PNG file as wide as there is room."""
    _component(key=key, data=png)
