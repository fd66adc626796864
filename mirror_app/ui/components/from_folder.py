"""A component is a folder: its script, and its style where it has one, named as the folder."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer


def from_folder(folder: Path) -> ComponentRenderer:
    """Register the component in `folder` with Streamlit, as `mirror_` and the folder's name."""
    script, style = ((folder / f"{folder.name}.{kind}") for kind in ("js", "css"))
    css = style.read_text("utf-8") if style.exists() else None
    return st.components.v2.component(f"mirror_{folder.name}", css=css, js=script.read_text("utf-8"))
