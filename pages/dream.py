"""A visualisation that runs step by step: its frames, a Stop button, and a film."""

import streamlit as st

from mirror_app.errors import MirrorError
from mirror_app.ui import store
from mirror_app.ui.common import page_parts, strip
from mirror_app.ui.dream import progress
from mirror_app.ui.state.session import current

session = current()
selection = store.Selection.of(session.request, session.selected_picture)
run_slot = store.run_slot()
if session.run_requested:
    session.run_requested = False
    try:
        run_slot.begin(selection)
    except MirrorError as error:  # the server is busy
        session.problems.append(str(error))

page_parts.show_problems(session)
strip.show(session)
dream = run_slot.run
entry = dream.selection.entry if dream else selection.entry
page_parts.heading(entry.name, entry.summary)
left, right = st.columns([3, 2], gap="large")
with left:
    if dream:
        progress.show(session, dream)
    else:
        progress.invite(selection)
with right:
    page_parts.show_input(selection)
