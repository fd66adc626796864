"""What takes long, and is made step by step: frames as they come, Stop, a film, and on from there."""

import streamlit as st

from mirror_app import registry
from mirror_app.ui import cache, dreaming, strip, views
from mirror_app.ui.session import current

session = current()
request = session.request
picture = session.pictures[session.picture]
model = cache.model(request.model, request.output)
dreamer = cache.dreamer()
if session.asked:
    dreamer.begin(request, model, picture)
    session.asked = False

views.show_problems(session)
strip.show(session)
dream = dreamer.dream
entry = registry.get((dream.request if dream else request).visualisation)
views.heading(entry.name, entry.summary)
shown, beside = st.columns([3, 2], gap="large")
with shown:
    if dream:
        dreaming.show(session, dream)
    else:
        dreaming.invite(request, model)
with beside:
    views.show_input(model, picture)
