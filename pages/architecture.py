"""The network as a whole: how data flows through it, and what each layer costs."""

import streamlit as st

from mirror_app.ui import architecture, cache, views
from mirror_app.ui.session import current

session = current()
model = cache.model(session.request.model)

views.show_problems(session)
st.subheader("Architecture")
architecture.show_totals(model)
drawn, listed = st.columns([2, 5], gap="small")
with drawn, views.failures():
    architecture.show_graph(model, session.layer or "")
with listed, views.failures():
    architecture.show_table(model, session)
