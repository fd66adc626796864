"""Pictures that are sent within the page's own messages.

Streamlit serves an image from a URL. If any visitor's run ends while the image is being redrawn, Streamlit drops the
file. A browser that requests it a moment later gets an error. A data URL cannot expire.
"""

import base64
import io

import streamlit as st
from PIL import Image

from mirror_app.ui.appearance.style import add_css

_MARGIN = "17rem"  # what is above and below a picture in the window


def data_url(png: bytes) -> str:
    """Return a data URL (RFC 2397) that contains a PNG file."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def picture(png: bytes, alt: str, key: str) -> None:
    """Show a PNG file as large as its container and the window allow, with its space reserved so that nothing moves.

    `key` must be unique on the page.
    """
    width, height = Image.open(io.BytesIO(png)).size
    name = f"room-{key}"
    with st.container(key=name, gap=None):
        widest = f"calc(max(20rem, 100vh - {_MARGIN}) * {width / height:.4f})"
        add_css(name, f".st-key-{name} {{ aspect-ratio: {width} / {height}; max-width: {widest}; }}")
        st.image(data_url(png), width="stretch", alt=alt)
