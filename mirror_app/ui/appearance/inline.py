"""Pictures that travel within the page's own messages.

A picture given to Streamlit as a file has an address, and the file is forgotten as soon as a run of any visitor's page
ends while the one that shows it is being drawn anew: a browser that comes a moment later finds nothing there.
"""

import base64
import io

import streamlit as st
from PIL import Image

from mirror_app.ui.appearance.style import rules


def data_url(png: bytes) -> str:
    """Return an address that holds a PNG file itself (RFC 2397)."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def picture(png: bytes, alt: str, key: str) -> None:
    """Show a PNG file as wide as there is room, which is kept until it is drawn, so that nothing below it jumps.

    `key` is the picture's own on the page.
    """
    width, height = Image.open(io.BytesIO(png)).size
    name = f"room-{key}"
    with st.container(key=name, gap=None):
        rules(name, f".st-key-{name} {{ aspect-ratio: {width} / {height}; }}")
        st.image(data_url(png), width="stretch", alt=alt)
