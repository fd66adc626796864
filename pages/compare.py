"""Many pictures at once, in rows and columns that vary the selection in the sidebar."""

import streamlit as st

from mirror_app.ui import store
from mirror_app.ui.common import page_parts, strip
from mirror_app.ui.common.share import share
from mirror_app.ui.compare import cells, controls
from mirror_app.ui.state.session import current

session = current()
selection = store.Selection.of(session.request, session.selected_picture)
problems_slot = st.container()
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.subheader("Compare", width="content")
    buttons_slot = st.container(horizontal=True, width="content")
arrangement, scale_slot = controls.choose(session, selection)
with problems_slot:
    page_parts.show_problems(session)
with page_parts.failures():
    shown_cells = cells.show(session, selection, arrangement)
    controls.show_scale(scale_slot, arrangement, shown_cells)
    if shown_cells:
        with buttons_slot:
            strip.add(session)
            share(session, st.query_params.to_dict(), [cell.selection.picture for cell in shown_cells])
            controls.offer_files(session, selection, shown_cells, arrangement)
