"""What the browser does and Streamlit leaves alone: Back, and the sidebar of a narrow window."""

from pathlib import Path
from urllib.parse import parse_qsl

import streamlit as st

from mirror_app.ui.components.from_folder import from_folder
from mirror_app.ui.state import session

_component = from_folder(Path(__file__).parent)


def listen() -> None:
    """Let the view that the visitor goes back to, within a page, be shown again; on phones, let the sidebar go."""
    _component(key="browser", on_went_change=_go)


def _go() -> None:
    session.go_to(dict(parse_qsl(st.session_state.browser.went.removeprefix("?"), keep_blank_values=True)))
