"""The URL holds the view: opening it shows the same view, and the browser's Back button returns to the previous one."""

from collections.abc import Mapping

import streamlit as st

from mirror_app.ui.state.session import current


def write(parameters: Mapping[str, str | None], page: str = "") -> None:
    """Write parameters into the URL, and remove those whose value is None.

    The URL changes only if it has no parameters yet, or if `parameters` differ from the ones that were written last.
    If `page` is given, `parameters` are compared only with those written since that page was opened. If nothing has
    changed, the browser may just have gone back to an earlier view, whose URL must not be overwritten.
    """
    session, current_query = current(), st.query_params.to_dict()
    if page and page != session.page:
        session.page, session.written_query = page, {}
    has_changed = any(session.written_query.get(name) != text for name, text in parameters.items())
    session.written_query.update(parameters)
    query = {name: text for name, text in {**current_query, **parameters}.items() if text is not None}
    if (has_changed or not current_query) and query != current_query:
        st.query_params.from_dict(query)
