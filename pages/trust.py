"""How far the current map can be trusted: three tests, with figures."""

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
ignores_model = entry.kind.ignores_model(dict(request.params))

page_parts.show_problems(session)
strip.show(session)
on_progress = page_parts.heading(f"Can {entry.name} be trusted here?", "Three tests of the map on the Explore page.")
if not verdict.is_attribution(entry):
    trust_tests.offer_alternatives(entry, session.entries)
    st.stop()
with page_parts.failures():
    result = store.result(request, picture, on_progress)
    target = trust_tests.show_subject(request, picture, result, on_progress)
    if ignores_model:
        trust_tests.show_warning(entry)
    verdict_slot = None if ignores_model else st.container(key="in-short")
    answers = [
        *trust_tests.show_curves(request, picture, result, target, on_progress),
        trust_tests.show_shuffled(request, picture, result, on_progress),
    ]
    if verdict_slot:
        if sum_answer := verdict_text.of_sum(result.info):
            answers.append(sum_answer)
        verdict_slot.markdown(verdict_text.verdict_and_answers(answers))
    trust_tests.show_sum(request, result)
on_progress("")
