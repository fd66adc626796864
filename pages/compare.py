"""Many pictures at once: what rows and columns change of the request in the sidebar."""

import streamlit as st

from mirror_app.ui.common import page_parts, strip
from mirror_app.ui.common.share import share
from mirror_app.ui.compare import cells, controls
from mirror_app.ui.state.session import current

session = current()
problems = st.container()
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.subheader("Compare", width="content")
    beside = st.container(horizontal=True, width="content")
rows, columns, shared, room = controls.choose(session)
with problems:
    page_parts.show_problems(session)
with page_parts.failures():
    places = cells.show(session, rows, columns, shared)
    controls.tell_scale(room, places)
    if places:
        with beside:
            strip.add(session)
            share(session, st.query_params.to_dict(), [place.picture for place in places])
            controls.offer_files(session, places, rows, columns)
