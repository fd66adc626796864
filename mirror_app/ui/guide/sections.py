"""The sections of the guide: each visualisation in brief, from its own declarations."""

import inspect
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mirror_app.errors import nearest
from mirror_app.models import catalogue
from mirror_app.params import as_text
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.glossary import WORDS
from mirror_app.ui.guide import search
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import EXPLORE, Session, current
from mirror_app.visualisations.registry import Entry, Question

PICTURES = Path(__file__).parent / "pictures"  # `make pictures` draws them
PICTURE_WIDTH = 104  # pixels
# The methods that a newcomer should try first, grouped by question; all other methods follow.
RECOMMENDED = (
    *("grad-cam", "occlusion", "layer-cam", "rise", "hires-cam", "legrad", "attention-relevance"),
    *("integrated-gradients", "lrp", "smoothgrad", "back-prop"),
    *("activations", "attention", "deep-dream", "inverted-representation"),
    *("filter-visualisation", "class-picture", "kernels"),
)
TRANSFORMERS = """\
- **Which pixels speak for this class?** LRP with the rule *attnlrp* or *cp-lrp*. On the bundled transformer, LRP
  places a larger share of its evidence on the object than any other method does (`docs/truth.md`).
- **Which parts of the picture speak for this class?** Attention relevance; LeGrad or Grad-CAM as a second opinion. They
  measure different things, so compare them.
- **What does this location attend to?** Attention: click a location in the model input. It shows what is read, not how
  it affects the answer.
- **Where does the class token's information come from?** Attention rollout. It is the same for every class.
- **Does the answer change without this part?** Occlusion and RISE. They work for every model and need no attention.

The class token and registers have no location in the picture, so maps leave them out. For models with windows, such as
Swin, Attention shows the window that a location reads.
"""
CUSTOM_EXAMPLE = """\
from typing import Annotated

from mirror_app import Slider, mirror, offer


@offer("Repeat")
def repeat(model, inputs, layer, *, times: Annotated[int, Slider("How many times.", min=1, max=100, step=1)] = 2):
    return inputs.repeat(times, 1, 1, 1), {"note": "The input, again and again."}


mirror(inputs, model, visualisations=[repeat])
"""


def find(session: Session) -> list[Entry]:
    """Let the visitor choose a question and search; return the visualisations that match, the best first."""
    question = _choose_question(session.entries)
    query = st.text_input(
        "Find", placeholder="Name or keywords: heatmap, saliency, transformer …", key="guide-find", max_chars=60
    )
    for word in search.glossary_words(query):
        st.markdown(f"**{word.capitalize()}:** {WORDS[word]}")
    matches = [entry for entry in session.entries if search.matches(query, search.searchable_text(entry))]
    answers = [entry for entry in matches if question in (None, entry.asks)]
    if answers:
        st.caption(f"{len(answers)} of {len(session.entries)} visualisations")
    else:
        st.info(_no_match_message(query, len(matches), session.entries), icon=":material/search_off:")
    if question:
        return sorted(answers, key=_recommended_position)
    return sorted(answers, key=lambda entry: _relevance_key(query, entry))


def _recommended_position(entry: Entry) -> int:
    return RECOMMENDED.index(entry.key) if entry.key in RECOMMENDED else len(RECOMMENDED)


def _relevance_key(query: str, entry: Entry) -> tuple[bool, bool]:
    """Return a sort key that puts matches in the name first, then matches in the question."""
    question = entry.asks.text if entry.asks else ""
    return not search.matches(query, f"{entry.name} {entry.also}"), not search.matches(query, question)


def _choose_question(entries: Sequence[Entry]) -> Question | None:
    """Let the visitor choose one of the questions that the visualisations answer."""
    answered = {entry.asks for entry in entries}
    questions = [question for question in Question if question in answered]
    if not questions:
        return None
    return st.pills(
        "What do you want to know?", questions, format_func=lambda question: question.text, key="guide-question"
    )


def _no_match_message(query: str, match_count: int, entries: Sequence[Entry]) -> str:
    """Return the message for no result; `match_count` visualisations match the query but answer another question."""
    quoted = f"“{page_parts.literal(query)}”"
    if match_count:
        return (
            f"No visualisation for this question matches {quoted}, but {match_count} for other questions "
            f"{'does' if match_count == 1 else 'do'}. Click the question again to deselect it and see "
            f"{'it' if match_count == 1 else 'them'}."
        )
    if search.glossary_words(query):
        return f"No visualisation matches {quoted}, but the term is explained above."
    names = [name.strip() for entry in entries for name in (entry.name, *entry.also.split(",")) if name.strip()]
    hint = page_parts.literal(nearest(query, [*names, *WORDS]))
    alternative = ", or choose one of the questions above" if any(entry.asks for entry in entries) else ""
    return f"No visualisation matches {quoted}.{hint} Try a single word{alternative}."


def show(entry: Entry) -> None:
    """Show what a visualisation does, when to use it and when not, and in a popover its parameters and paper."""
    with st.container(border=True):
        with st.container(horizontal=True):
            example = PICTURES / f"{entry.key}.png"
            if example.exists():
                st.image(data_url(example.read_bytes()), width=PICTURE_WIDTH, alt=f"An example of {entry.name}")
            with st.container():
                st.markdown(f"#### {page_parts.literal(entry.name)}")
                st.markdown(page_parts.literal(_description(entry)))
        if entry.use:
            st.markdown(f":green[:material/check:] **When:** {page_parts.literal(entry.use)}")
        if entry.avoid:
            st.markdown(f":orange[:material/close:] **When not:** {page_parts.literal(entry.avoid)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"Try {page_parts.literal(entry.name)}",
                key=f"try {entry.key}",
                icon=":material/search:",
                on_click=_try,
                args=(entry,),
            )
            with st.popover("Parameters and paper", key=f"more {entry.key}"):
                _show_more(entry)


def show_glossary() -> None:
    """Show the glossary in an expander."""
    with st.expander("Glossary: logit, feature map, gradient …", icon=":material/dictionary:"):
        for word, meaning in WORDS.items():
            st.markdown(f"**{word.capitalize()}:** {meaning}")


def show_transformers() -> None:
    """Show in an expander which method answers which question about a transformer."""
    with st.expander("Transformers: which method answers which question?", icon=":material/hub:"):
        st.markdown(TRANSFORMERS)


def show_custom_example() -> None:
    """Show how to add a custom visualisation."""
    st.subheader("Add your own")
    st.markdown(
        "Write a function whose annotations declare its widgets. The page then adds its slider, link and downloads."
    )
    st.code(CUSTOM_EXAMPLE, language="python")


def _description(entry: Entry) -> str:
    """Return the first paragraph of the docstring of a visualisation, as one line."""
    return " ".join((inspect.getdoc(entry.kind) or "").split("\n\n")[0].split())


def _show_more(entry: Entry) -> None:
    if entry.also:
        st.markdown(f"**Also:** {page_parts.literal(entry.also)}")
    if entry.paper:
        st.markdown(f"**Paper:** {entry.paper}")
    st.markdown(f"**In Python:** `{entry.kind.__name__}`")
    for name, parameter in entry.params.items():
        default = "the top prediction" if parameter.default is None else as_text(parameter.default)
        label = page_parts.literal(parameter.label)
        st.markdown(f"**{label}** · `{name}={default}`  \n{parameter.help} *Accepted: {parameter.accepts()}.*")


def _try(entry: Entry) -> None:
    widget_state.VISUALISATION.value = entry.key
    if entry.kind.needs_attention and widget_state.MODEL.value == catalogue.BUNDLED:
        widget_state.MODEL.value = catalogue.BUNDLED_TRANSFORMER
    current().next_page = EXPLORE
