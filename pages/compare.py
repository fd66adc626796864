"""Many pictures at once: what rows and columns change of the request in the sidebar."""

import streamlit as st

from mirror_app.ui import cells, compare, views
from mirror_app.ui.session import current

session = current()
if compare.opened():
    st.switch_page("../pages/explore.py")

problems = st.container()
st.subheader("Compare")
rows, columns, shared, beside = compare.choose(session)
with problems:
    views.show_problems(session)
with views.failures():
    matrix = cells.show(session, rows, columns, shared, beside)
    compare.offer_files(matrix, rows, columns, beside)
