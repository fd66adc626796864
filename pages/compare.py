"""Pictures in rows and columns: methods, inputs, layers and models beside each other."""

import streamlit as st

from mirror_app.ui import choices, compare, views
from mirror_app.ui.session import current

EACH, ALL = "each picture its own", "one for all"

session = current()
problems = st.container()  # at the top, and known once the choices are read
st.subheader("Compare")
st.caption("What differs stands in rows and columns; all else is as the sidebar says.")
rows, columns = compare.choose_axes(session)
scale = choices.one(
    "compare.scale",
    "Scale",
    (EACH, ALL),
    "On its own scale each picture shows its strongest place at full colour. One scale for all makes brightness "
    "comparable: sensible for one method at several layers or inputs, since methods differ in their units.",
)
with problems:
    views.show_problems(session)
with views.failures():
    compare.show(session, rows, columns, shared=scale == ALL)
