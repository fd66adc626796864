"""The whole network: how data flows through it, and what each layer costs."""

import streamlit as st

from mirror_app.ui import store
from mirror_app.ui.architecture import network_graph
from mirror_app.ui.common import page_parts
from mirror_app.ui.state.session import current

session = current()
model = store.model(session.request.model)

page_parts.show_problems(session)
st.subheader("Architecture")
network_graph.show_totals(model)
network_graph.show_costliest(model)
with st.container(key="architecture"):  # side by side where there is room for the whole table
    with st.container(), page_parts.failures():
        network_graph.show_graph(model, session)
    with st.container(), page_parts.failures():
        network_graph.show_table(model, session)
