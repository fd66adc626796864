"""What the browser does and Streamlit leaves alone: Back, and the sidebar of a narrow window."""

from urllib.parse import parse_qsl

import streamlit as st

from mirror_app.ui import session
from mirror_app.ui.front import front

_component = st.components.v2.component("mirror_browser", js=front("components/browser.js"))


def listen() -> None:
    """Let the view that the visitor goes back to, within a page, be shown again; on phones, let the sidebar go."""
    _component(key="browser", on_went_change=_go)


def _go() -> None:
    session.go_to(dict(parse_qsl(st.session_state.browser.went.removeprefix("?"), keep_blank_values=True)))
