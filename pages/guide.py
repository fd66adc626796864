"""What each visualisation shows, when to use it, and when not."""

import streamlit as st

from mirror_app.ui.common import page_parts
from mirror_app.ui.guide import sections
from mirror_app.ui.state.session import current

session = current()
page_parts.show_problems(session)
st.subheader("Guide")
st.caption("All methods, each with an example. Start with your question.")
sections.show_words()
found = sections.find(session)
with st.container(key="guide-cards"):
    for entry in found:
        sections.show(entry)
sections.show_own()
