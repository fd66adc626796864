"""How far the picture on hand can be trusted: three tests, with figures."""

import streamlit as st

from mirror_app import registry, trust
from mirror_app.ui import cache, strip, trial, verdicts, views
from mirror_app.ui.session import current

session = current()
request = session.request
picture = session.pictures[session.picture]
entry = registry.get(request.visualisation)
ignores = entry.kind.ignores_model(dict(request.params))

views.show_problems(session)
strip.show(session)
say = views.heading(f"Can {entry.name} be trusted here?", "Three tests of what Explore shows.")
if not trust.is_attribution(entry):
    trial.offer_others(entry, session.entries)
    st.stop()
with views.failures():
    result = cache.result(request, picture, say)
    target = trial.show_subject(request, picture, result, say)
    if ignores:
        trial.show_warning(entry)
    short = None if ignores else st.container(key="in-short")
    curves = trial.show_curves(request, picture, result, target, say)
    shuffled = trial.show_shuffled(request, picture, result, say)
    if short:
        sum_of_parts = verdicts.of_sum(result.info)
        short.markdown(verdicts.in_short([*curves, shuffled, *([sum_of_parts] if sum_of_parts else [])]))
    trial.show_axiom(request, result)
say("")
