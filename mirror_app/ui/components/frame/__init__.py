"""The newest frame of a film: it travels as bytes, since the address of a frame is gone when the next one comes."""

from pathlib import Path

import streamlit as st

_FILES = Path(__file__).parent
_component = st.components.v2.component(
    "mirror_frame",
    css=(_FILES / "frame.css").read_text("utf-8"),
    js=(_FILES / "frame.js").read_text("utf-8"),
)


def frame(png: bytes, key: str) -> None:
    """Show a PNG file as wide as there is room."""
    _component(key=key, data=png)
