"""The network as a whole: how data flows through it, and what each layer costs."""

import streamlit as st

from mirror_app.ui import architecture, cache, views
from mirror_app.ui.session import current

session = current()
model = cache.model(session.request.model)

views.show_problems(session)
st.subheader("Architecture")
architecture.show_totals(model)
with st.container(key="architecture"):  # side by side where there is room for the whole table
    with st.container(), views.failures():
        architecture.show_graph(model, session)
    with st.container(), views.failures():
        architecture.show_table(model, session)
