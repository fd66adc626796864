"""The Python code behind a picture: as a request, and as a call of the method."""

import streamlit as st

from mirror_app import live
from mirror_app.export.call_snippet import call_snippet, live_call_snippet
from mirror_app.export.snippet import snippet
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection

REQUEST, CALL = "As a request", "As a call of the method"


def show(session: Session, selection: Selection) -> None:
    """Show the code that computes the picture of a selection; a picture that was uploaded is read from its file."""
    panel = st.expander("Show the code", key="code", on_change="rerun")
    if not panel.open:  # what colours code takes the browser a second to load, which a first picture need not wait for
        return
    codes = {REQUEST: request_code(session, selection, selection.picture.name), CALL: _call_code(session, selection)}
    codes = {name: code for name, code in codes.items() if code}
    with panel:
        if not codes:
            st.caption("This visualisation is your own: your program calls it.")
        elif len(codes) == 1:
            st.code(next(iter(codes.values())), language="python")
        else:
            form = st.segmented_control(
                "Form of the code",
                list(codes),
                default=REQUEST,
                required=True,
                key="code-form",
                label_visibility="collapsed",
                persist_state="session",
            )
            st.code(codes[form], language="python")


def request_code(session: Session, selection: Selection, file: str) -> str:
    """Return the code that runs the request, with an uploaded picture read from `file`; "" for a live model."""
    request, picture = selection.request, selection.picture
    if live.session_of(request.model) is not None:
        return ""
    return snippet(request, picture, file if picture in session.added_pictures else None)


def _call_code(session: Session, selection: Selection) -> str:
    request, picture = selection.request, selection.picture
    file = picture.name if picture in session.added_pictures else None
    write = call_snippet if live.session_of(request.model) is None else live_call_snippet
    return write(request, selection.model, picture, file)
