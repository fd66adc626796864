"""The parts of the guide: each visualisation in a few words, from what is declared with it."""

import inspect
from pathlib import Path

import streamlit as st

from mirror_app.params import as_text
from mirror_app.registry import Entry
from mirror_app.ui import views
from mirror_app.ui.inline import address
from mirror_app.ui.session import Session, current
from mirror_app.ui.words import WORDS

PICTURES = Path(__file__).parent / "pictures"  # `make pictures` draws them
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
    """Let the visitor look for a word; return the visualisations in which it stands."""
    word = st.text_input(
        "Find", placeholder="a name, a word: gradient, edges, transformer …", key="guide-find", max_chars=60
    )
    found = [entry for entry in session.entries if _plain(word) in _plain(_all_of(entry))]
    st.caption(f"{len(found)} of {len(session.entries)} visualisations")
    return found


def show(entry: Entry) -> None:
    """Show what a visualisation is, when to take it and when not, and on demand its parameters and its paper."""
    with st.container(border=True):
        picture, words = st.columns([1, 3], gap="medium")
        drawn = PICTURES / f"{entry.key}.png"
        if drawn.exists():
            picture.image(address(drawn.read_bytes()), width="stretch", alt=f"An example of {entry.name}")
        with words:
            st.markdown(f"#### {views.literal(entry.name)}")
            st.markdown(views.literal(_told(entry)))
            if entry.use:
                st.markdown(f":green[:material/check:] **When:** {views.literal(entry.use)}")
            if entry.avoid:
                st.markdown(f":orange[:material/close:] **When not:** {views.literal(entry.avoid)}")
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button(
                    f"Try {views.literal(entry.name)}",
                    key=f"try {entry.key}",
                    icon=":material/search:",
                    on_click=_try,
                    args=(entry,),
                )
                with st.popover("Parameters and paper", key=f"more {entry.key}"):
                    _show_more(entry)


def show_words() -> None:
    """Show what the words of the field mean."""
    with st.expander("Words: logit, feature map, gradient …", icon=":material/dictionary:"):
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


def _plain(text: str) -> str:
    """Return a text without what people write now like this, now like that: black box, black-box, Blackbox."""
    return "".join(filter(str.isalnum, text.lower()))


def _all_of(entry: Entry) -> str:
    return " ".join([entry.name, inspect.getdoc(entry.kind) or "", entry.use, entry.avoid, entry.paper])


def _show_more(entry: Entry) -> None:
    if entry.paper:
        st.markdown(f"**Paper:** {entry.paper}")
    st.markdown(f"**In Python:** `{entry.kind.__name__}`")
    for name, parameter in entry.params.items():
        default = "the most likely class" if parameter.default is None else as_text(parameter.default)
        label = views.literal(parameter.label)
        st.markdown(f"**{label}** · `{name}={default}`  \n{parameter.help} *Accepted: {parameter.accepts()}.*")


def _try(entry: Entry) -> None:
    st.session_state.visualisation = entry.key
    current().leaving = True
