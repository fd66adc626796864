"""Many pictures at once: what rows and columns change of the request in the sidebar."""

import streamlit as st

from mirror_app.ui import cells, compare, views
from mirror_app.ui.session import current

session = current()
problems = st.container()
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.subheader("Compare", width="content")
    beside = st.container(width="content")
rows, columns, shared = compare.choose(session)
with problems:
    views.show_problems(session)
with views.failures():
    places = cells.show(session, rows, columns, shared)
    if places:
        with beside:
            compare.offer_files(places, rows, columns)
