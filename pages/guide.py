"""What each visualisation shows, when to use it, and when not."""

import streamlit as st

from mirror_app.ui.common import page_parts
from mirror_app.ui.guide import sections
from mirror_app.ui.state.session import current

session = current()
page_parts.show_problems(session)
st.subheader("Guide")
st.caption("All methods, with examples. Start with your question.")
sections.show_transformers()
sections.show_glossary()
entries = sections.find(session)
with st.container(key="guide-cards"):
    for entry in entries:
        sections.show(entry)
sections.show_custom_example()
