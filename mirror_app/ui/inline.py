"""Pictures that travel within the page's own messages.

A picture given to Streamlit as a file has an address, and the file is forgotten as soon as a run of any visitor's page
ends while the one that shows it is being drawn anew: a browser that comes a moment later finds nothing there.
"""

import base64


def address(png: bytes) -> str:
    """Return an address that holds a PNG file itself (RFC 2397)."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
