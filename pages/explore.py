"""One visualisation of one layer for one picture."""

import time

import streamlit as st

from mirror_app.ui import store
from mirror_app.ui.common import downloads, page_parts, strip
from mirror_app.ui.explore import answers
from mirror_app.ui.state.session import current
from mirror_app.visualisations import registry

session = current()
request = session.request
picture = session.pictures[session.picture]
model = store.model(request.model, request.output)
entry = registry.get(request.visualisation)

page_parts.show_problems(session)
strip.show(session)
show_state = page_parts.heading(entry.name, entry.summary)
left, right = st.columns([3, 2], gap="large")
with left, st.container(key="picture"), page_parts.failures():
    requested = time.perf_counter()
    result = store.result(request, picture, show_state)
    page_parts.show_images(request, picture, result)
    page_parts.show_provenance(request, model, picture, result, cached=result.finished < requested)
    downloads.show(session, picture, result)
show_state("")
with right:
    page_parts.show_input(model, picture)
    with page_parts.failures():
        answers.show(model, picture)
