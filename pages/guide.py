"""What each visualisation shows, when to use it, and when not."""

import streamlit as st

from mirror_app.ui import guide, views
from mirror_app.ui.session import current

session = current()
views.show_problems(session)
st.subheader("Guide")
st.caption("Every way to look inside, with one picture each. Begin with your question.")
guide.show_words()
found = guide.find(session)
with st.container(key="guide-cards"):
    for entry in found:
        guide.show(entry)
guide.show_own()
