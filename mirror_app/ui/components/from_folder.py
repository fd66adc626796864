"""Registers a component from a folder that holds a script and perhaps a style sheet, both named like the folder."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer


def from_folder(folder: Path) -> ComponentRenderer:
    """Register the component in `folder` with Streamlit, under the folder's name with the prefix `mirror_`."""
    script, style = (folder / f"{folder.name}.{suffix}" for suffix in ("js", "css"))
    css = style.read_text("utf-8") if style.exists() else None
    return st.components.v2.component(f"mirror_{folder.name}", css=css, js=script.read_text("utf-8"))
