"""The address of the page holds the view: whoever opens it sees the same, and Back leads to the one before."""

from collections.abc import Mapping

import streamlit as st

from mirror_app.ui.state.session import current


def write(said: Mapping[str, str | None], page: str = "") -> None:
    """Let the address say this, and nothing under a name with None.

    It is written only where something else was said last, on this `page` where one is named: it may be that of another
    view, to which the visitor is just going back.
    """
    session, there = current(), st.query_params.to_dict()
    if page and page != session.page:
        session.page, session.written_query = page, {}
    news = any(session.written_query.get(name) != text for name, text in said.items())
    session.written_query.update(said)
    wanted = {name: text for name, text in {**there, **said}.items() if text is not None}
    if (news or not there) and wanted != there:
        st.query_params.from_dict(wanted)
