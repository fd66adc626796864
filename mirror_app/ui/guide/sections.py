"""The parts of the guide: each visualisation in a few words, from what is declared with it."""

import inspect
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mirror_app.errors import nearest
from mirror_app.params import as_text
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.glossary import WORDS
from mirror_app.ui.guide import search
from mirror_app.ui.state.session import Session, current
from mirror_app.visualisations.registry import Entry, Question

PICTURES = Path(__file__).parent / "pictures"  # `make pictures` draws them
SIDE = 104  # pixels of a picture
# For each question, what a newcomer should try first; what is not named comes after.
FIRST = (
    *("grad-cam", "occlusion", "layer-cam", "rise", "hires-cam", "attention-rollout"),
    *("integrated-gradients", "lrp", "smoothgrad", "back-prop"),
    *("activations", "attention", "deep-dream", "inverted-representation"),
    *("filter-visualisation", "class-picture", "kernels"),
)
OWN = """\
from typing import Annotated

from mirror_app import mirror
from mirror_app.params import Slider
from mirror_app.visualisations.web import offer


@offer("Repeat")
def repeat(model, inputs, layer, *, times: Annotated[int, Slider("How often.", min=1, max=100, step=1)] = 2):
    return inputs.repeat(times, 1, 1, 1), {"note": "The input, again and again."}


mirror(inputs, model, visualisations=[repeat])
"""


def find(session: Session) -> list[Entry]:
    """Let the visitor choose a question and look for words; return the visualisations that answer, the best first."""
    question = _ask(session.entries)
    query = st.text_input(
        "Find", placeholder="a name or words: heatmap, saliency, transformer …", key="guide-find", max_chars=60
    )
    for word in search.meant(query):
        st.markdown(f"**{word.capitalize()}:** {WORDS[word]}")
    named = [entry for entry in session.entries if search.matches(query, search.all_of(entry))]
    found = [entry for entry in named if question in (None, entry.asks)]
    if found:
        st.caption(f"{len(found)} of {len(session.entries)} visualisations")
    else:
        st.info(_nothing(query, len(named), session.entries), icon=":material/search_off:")
    if question:
        return sorted(found, key=lambda entry: FIRST.index(entry.key) if entry.key in FIRST else len(FIRST))
    return sorted(found, key=lambda entry: _distance(query, entry))


def _distance(query: str, entry: Entry) -> tuple[bool, bool]:
    """Return what sorts first those whose names are looked for, and then those whose question is."""
    question = entry.asks.text if entry.asks else ""
    return not search.matches(query, f"{entry.name} {entry.also}"), not search.matches(query, question)


def _ask(entries: Sequence[Entry]) -> Question | None:
    """Let one of the questions be chosen that the visualisations answer."""
    asked = {entry.asks for entry in entries}
    questions = [question for question in Question if question in asked]
    if not questions:
        return None
    return st.pills(
        "What do you want to know?", questions, format_func=lambda chosen: chosen.text, key="guide-question"
    )


def _nothing(query: str, elsewhere: int, entries: Sequence[Entry]) -> str:
    """Return what is said where nothing is found, and what to try."""
    asked = f"“{page_parts.literal(query)}”"
    if elsewhere:
        return (
            f"Nothing about {asked} answers this question. Click the question again to search everything: "
            f"{elsewhere} found."
        )
    if search.meant(query):
        return f"No visualisation is about {asked} itself: what it means stands above."
    names = [name.strip() for entry in entries for name in (entry.name, *entry.also.split(",")) if name.strip()]
    hint = page_parts.literal(nearest(query, [*names, *WORDS]))
    other = ", or choose one of the questions above" if any(entry.asks for entry in entries) else ""
    return f"No visualisation is about {asked}.{hint} Try a single word{other}."


def show(entry: Entry) -> None:
    """Show what a visualisation is, when to take it and when not, and on demand its parameters and its paper."""
    with st.container(border=True):
        with st.container(horizontal=True):
            drawn = PICTURES / f"{entry.key}.png"
            if drawn.exists():
                st.image(data_url(drawn.read_bytes()), width=SIDE, alt=f"An example of {entry.name}")
            with st.container():
                st.markdown(f"#### {page_parts.literal(entry.name)}")
                st.markdown(page_parts.literal(_told(entry)))
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


def show_words() -> None:
    """Show what the words of the field mean."""
    with st.expander("Glossary: logit, feature map, gradient …", icon=":material/dictionary:"):
        for word, meaning in WORDS.items():
            st.markdown(f"**{word.capitalize()}:** {meaning}")


def show_own() -> None:
    """Show how one adds a visualisation of one's own."""
    st.subheader("Add your own")
    st.markdown("A function whose annotations declare its widgets is enough. It gets its slider, link and downloads.")
    st.code(OWN, language="python")


def _told(entry: Entry) -> str:
    """Return what it shows: the first paragraph of its docstring, and where there is another, that one's first line."""
    return " ".join((inspect.getdoc(entry.kind) or "").split("\n\n")[0].split())


def _show_more(entry: Entry) -> None:
    if entry.also:
        st.markdown(f"**Also:** {page_parts.literal(entry.also)}")
    if entry.paper:
        st.markdown(f"**Paper:** {entry.paper}")
    st.markdown(f"**In Python:** `{entry.kind.__name__}`")
    for name, parameter in entry.params.items():
        default = "the most likely class" if parameter.default is None else as_text(parameter.default)
        label = page_parts.literal(parameter.label)
        st.markdown(f"**{label}** · `{name}={default}`  \n{parameter.help} *Accepted: {parameter.accepts()}.*")


def _try(entry: Entry) -> None:
    st.session_state.visualisation = entry.key
    current().explore_next = True
