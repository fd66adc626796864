"""Pictures that are sent within the page's own messages.

Streamlit serves an image from a URL. If any visitor's run ends while the image is being redrawn, Streamlit drops the
file. A browser that requests it a moment later gets an error. A data URL cannot expire.
"""

import base64
import io

import streamlit as st
from PIL import Image

from mirror_app.ui.appearance.style import add_css


def data_url(png: bytes) -> str:
    """Return a data URL (RFC 2397) that contains a PNG file."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def picture(png: bytes, alt: str, key: str) -> None:
    """Show a PNG file at the full width of its container, with its space reserved so that nothing below moves.

    `key` must be unique on the page.
    """
    width, height = Image.open(io.BytesIO(png)).size
    name = f"room-{key}"
    with st.container(key=name, gap=None):
        add_css(name, f".st-key-{name} {{ aspect-ratio: {width} / {height}; }}")
        st.image(data_url(png), width="stretch", alt=alt)
