"""Visualisations that run step by step: their frames, Stop, and a film."""

import streamlit as st

from mirror_app.ui import store
from mirror_app.ui.common import page_parts, strip
from mirror_app.ui.dream import progress
from mirror_app.ui.state.session import current
from mirror_app.visualisations import registry

session = current()
request = session.request
picture = session.pictures[session.picture]
model = store.model(request.model, request.output)
run_slot = store.run_slot()
if session.run_requested:
    run_slot.begin(request, model, picture)
    session.run_requested = False

page_parts.show_problems(session)
strip.show(session)
dream = run_slot.run
entry = registry.get((dream.request if dream else request).visualisation)
page_parts.heading(entry.name, entry.summary)
left, right = st.columns([3, 2], gap="large")
with left:
    if dream:
        progress.show(session, dream)
    else:
        progress.invite(request, model)
with right:
    page_parts.show_input(model, picture)
