"""All inputs of a visitor with the model's answers, in a grid that can be sorted and filtered."""

import streamlit as st

from mirror_app.ui import store
from mirror_app.ui.common import page_parts, strip
from mirror_app.ui.common.share import share
from mirror_app.ui.gallery import answers, cards, controls
from mirror_app.ui.gallery.order import arranged
from mirror_app.ui.state.session import current

session = current()
selection = store.Selection.of(session.request, session.selected_picture)
model, pictures = selection.model, list(session.pictures.values())
problems_slot, problems = st.container(), list(session.problems)
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.subheader("Gallery", width="content")
    state_slot = st.empty()
    buttons_slot = st.container(horizontal=True, width="content")
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    order = controls.choose_order()
    class_slot = st.container(width="content")
actions_slot = st.container(horizontal=True, vertical_alignment="center", gap="small", key="gallery-actions")
with page_parts.failures():
    show_state = page_parts.state_badge(state_slot)
    finished = answers.finished(model, pictures)
    if controls.needs_answers(order):
        finished = answers.complete(model, pictures, finished, show_state)
    with class_slot:
        class_number = controls.choose_class(finished)
    listed = arranged(pictures, finished, order, class_number)
    with actions_slot:
        controls.show_actions(session, listed)
    grid_slot, pagination_slot = st.container(), st.container(horizontal_alignment="center")
    shown = listed[controls.choose_page(pagination_slot, len(listed), order, class_number)]
    with buttons_slot:
        strip.add(session)
        share(session, st.query_params.to_dict(), shown)
        controls.offer_table(session, selection, finished)
    with problems_slot:
        page_parts.show_problems(session)
    with grid_slot:
        completed = cards.show(session, shown, finished)
    completed = answers.complete(model, pictures, completed, show_state)
    if len(completed) > len(finished):
        session.problems += problems  # which the visitor may not have read yet
        st.rerun()  # the classes and the table are complete now
