"""Styles of the page: they travel as Markdown, since what a browser must fetch a part for comes late, and all jumps."""

import streamlit as st

from mirror_app.ui.front import front


def style(name: str, more: str = "") -> None:
    """Let the page look as the style sheet of that name says, and as `more` CSS."""
    rules(name, f"{front(f'styles/{name}.css')} {more}")


def rules(name: str, css: str) -> None:
    """Let the page look as `css` says; no other rules on it may have that name."""
    with st.container(key=f"style-{name}"):
        st.markdown(f"<style>{css} .st-key-style-{name} {{ display: none; }}</style>", unsafe_allow_html=True)
