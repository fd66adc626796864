"""How far the current map can be trusted: three tests, with their results in numbers and in words."""

import streamlit as st

from mirror_app import layers
from mirror_app.evaluation import verdict
from mirror_app.ui import store
from mirror_app.ui.common import page_parts, strip
from mirror_app.ui.state.session import current
from mirror_app.ui.trust import trust_tests, verdict_text

session = current()
selection = store.Selection.of(session.request, session.selected_picture)
entry = selection.entry
ignores_model = entry.kind.ignores_model(dict(selection.request.params))

page_parts.show_problems(session)
strip.show(session)
on_progress = page_parts.heading(
    f"Can {entry.name} be trusted here?", "Three tests of the map that the Explore page shows."
)
if not verdict.is_attribution(entry):
    trust_tests.offer_alternatives(entry, session.entries)
    st.stop()
if selection.request.layer == layers.EVERY:
    trust_tests.offer_layer(session.layer or "", selection.request.model)
    st.stop()
with page_parts.failures():
    result = store.result(selection, on_progress)
    target = trust_tests.show_subject(selection, result, on_progress)
    if ignores_model:
        trust_tests.show_warning(entry)
    verdict_slot = None if ignores_model else st.container(key="in-short")
    answers = [
        *trust_tests.show_curves(selection, result, target, on_progress),
        trust_tests.show_shuffled(selection, result, on_progress),
    ]
    if verdict_slot:
        if sum_answer := verdict_text.of_sum(result.info):
            answers.append(sum_answer)
        verdict_slot.markdown(verdict_text.verdict_and_answers(answers))
    trust_tests.show_sum(entry, result)
on_progress("")
