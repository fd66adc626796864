"""One picture, one layer, one visualisation: what the network sees."""

import time

import streamlit as st

from mirror_app import registry
from mirror_app.ui import answers, cache, downloads, strip, views
from mirror_app.ui.session import current

session = current()
request = session.request
picture = session.pictures[session.picture]
model = cache.model(request.model, request.output)
entry = registry.get(request.visualisation)

views.show_problems(session)
strip.show(session)
say = views.heading(entry.name, entry.summary)
shown, beside = st.columns([3, 2], gap="large")
with shown, st.container(key="picture"), views.failures():
    asked = time.perf_counter()
    result = cache.result(request, picture, say)
    views.show_images(request, picture, result)
    views.show_honesty(request, model, picture, result, cached=result.finished < asked)
    downloads.show(session, picture, result)
say("")
with beside:
    views.show_input(model, picture)
    with views.failures():
        answers.show(model, picture)
