"""One visualisation of one layer for one picture."""

import time

import streamlit as st

from mirror_app.ui import store
from mirror_app.ui.common import downloads, page_parts, strip
from mirror_app.ui.explore import answers, headline, photograph_offer, transformer_offer
from mirror_app.ui.state.session import current

session = current()
selection = store.Selection.of(session.request, session.selected_picture)

page_parts.show_problems(session)
strip.show(session)
show_state = headline.show(selection)
left, right = st.columns([3, 2], gap="large")
with left, st.container(key="picture"), page_parts.failures():
    requested = time.perf_counter()
    result = store.result(selection, show_state)
    page_parts.show_images(selection, result)
    is_cached = result.finished < requested and session.may_know(result.finished)
    page_parts.show_provenance(selection, result, is_cached)
    downloads.show(session, selection, result)
show_state("")
with left:
    transformer_offer.show(selection)
with right:
    photograph_offer.show(session, selection)
    with page_parts.failures():
        answers.show(selection)
    page_parts.show_input(selection)
