"""How far the picture on hand can be trusted: three questions, with figures."""

import streamlit as st

from mirror_app import registry
from mirror_app.ui import cache, trial, views
from mirror_app.ui.session import current

session = current()
request = session.request
picture = session.pictures[session.picture]
entry = registry.get(request.visualisation)

views.show_problems(session)
told = f"Three questions to the picture that Explore shows, of {views.literal(picture.name)}."
say = views.heading(f"Can {entry.name} be trusted here?", told)
with views.failures():
    trial.show_warning(request)
    result = cache.result(request, picture, say)
    short = st.container(key="in-short")
    unbeaten = trial.show_curves(request, picture, result, say)
    depends = trial.show_shuffled(request, picture, result, say)
    short.markdown(trial.in_short(request, unbeaten, depends))
    trial.show_axiom(request, result)
say("")
