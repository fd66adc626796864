"""Styles of the page: they travel as Markdown, since what a browser must fetch a part for comes late, and all jumps."""

from pathlib import Path

import streamlit as st

_FILES = Path(__file__).parent / "styles"


def style(name: str, more: str = "") -> None:
    """Let the page look as the style sheet of that name says, and as `more` CSS."""
    rules(name, f"{(_FILES / f'{name}.css').read_text('utf-8')} {more}")


def rules(name: str, css: str) -> None:
    """Let the page look as `css` says; no other rules on it may have that name."""
    with st.container(key=f"style-{name}"):
        st.markdown(f"<style>{css} .st-key-style-{name} {{ display: none; }}</style>", unsafe_allow_html=True)
