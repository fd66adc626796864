"""How far the picture on hand can be trusted: three tests, with figures."""

import streamlit as st

from mirror_app.evaluation import verdict
from mirror_app.ui import store
from mirror_app.ui.common import page_parts, strip
from mirror_app.ui.state.session import current
from mirror_app.ui.trust import trust_tests, verdict_text
from mirror_app.visualisations import registry

session = current()
request = session.request
picture = session.pictures[session.picture]
entry = registry.get(request.visualisation)
ignores = entry.kind.ignores_model(dict(request.params))

page_parts.show_problems(session)
strip.show(session)
say = page_parts.heading(f"Can {entry.name} be trusted here?", "Three tests of the picture on the Explore page.")
if not verdict.is_attribution(entry):
    trust_tests.offer_others(entry, session.entries)
    st.stop()
with page_parts.failures():
    result = store.result(request, picture, say)
    target = trust_tests.show_subject(request, picture, result, say)
    if ignores:
        trust_tests.show_warning(entry)
    short = None if ignores else st.container(key="in-short")
    curves = trust_tests.show_curves(request, picture, result, target, say)
    shuffled = trust_tests.show_shuffled(request, picture, result, say)
    if short:
        sum_of_parts = verdict_text.of_sum(result.info)
        short.markdown(verdict_text.in_short([*curves, shuffled, *([sum_of_parts] if sum_of_parts else [])]))
    trust_tests.show_axiom(request, result)
say("")
