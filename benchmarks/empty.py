"""The dashboard with its sidebar and an empty page: the reference for the cost of a redraw."""

import streamlit as st

from mirror_app.ui.sidebar import selection

st.set_page_config(layout="wide")
page = st.navigation([st.Page(lambda: None, title="Empty", url_path="empty", default=True)], position="hidden")
selection.draw(st.empty(), "empty")
page.run()
