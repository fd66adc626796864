"""Many pictures at once: what rows and columns change of the request in the sidebar."""

import streamlit as st

from mirror_app.ui import cells, compare, strip, views
from mirror_app.ui.session import current
from mirror_app.ui.share import share

session = current()
problems = st.container()
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.subheader("Compare", width="content")
    beside = st.container(horizontal=True, width="content")
rows, columns, shared, room = compare.choose(session)
with problems:
    views.show_problems(session)
with views.failures():
    places = cells.show(session, rows, columns, shared)
    compare.tell_scale(room, places)
    if places:
        with beside:
            strip.add(session)
            share(session, st.query_params.to_dict(), [place.picture for place in places])
            compare.offer_files(session, places, rows, columns)
