"""Style sheets of the page.

They are sent as Markdown: a file that the browser has to fetch arrives late and makes everything on the page move.
"""

from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent / "styles"


def add_stylesheet(name: str, extra_css: str = "") -> None:
    """Add the style sheet `name` to the page, followed by `extra_css`."""
    add_css(name, f"{(_FOLDER / f'{name}.css').read_text('utf-8')} {extra_css}")


def add_css(name: str, css: str) -> None:
    """Add `css` to the page; `name` must be unique on the page."""
    with st.container(key=f"style-{name}"):
        st.markdown(f"<style>{css} .st-key-style-{name} {{ display: none; }}</style>", unsafe_allow_html=True)
