"""The cards of the gallery: each has a picture, its visualisation, its name and the answer to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app.engine import Result
from mirror_app.images import Picture
from mirror_app.ui import store
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.appearance.style import add_stylesheet
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.common.short_answer import Answer
from mirror_app.ui.compare.cell_state import vector_message
from mirror_app.ui.gallery import answers as gallery_answers
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session, open_in_explore
from mirror_app.ui.store import Selection

WAITING = "…"
NO_ANSWER = "no single answer"


@dataclass(frozen=True)
class Card:
    """A card: its selection, and its slots on the page."""

    selection: Selection
    map_slot: DeltaGenerator
    caption_slot: DeltaGenerator


def show(session: Session, pictures: Sequence[Picture], answers: Mapping[str, Answer]) -> dict[str, Answer]:
    """Show a card for each picture, and fill in what is not computed yet, one card after another.

    Returns `answers` together with the answers to these pictures. Raises MirrorError if the server is busy.
    """
    add_stylesheet("gallery")
    completed = dict(answers)
    with st.container(key="gallery", gap=None):
        cards = [_lay_out(session, number, picture) for number, picture in enumerate(pictures)]
    for card in cards:
        if answer := completed.get(card.selection.picture.id):
            _show_answer(card, answer)
        _fill(card, partial(store.cached_result, card.selection.request))
    for card in cards:
        picture = card.selection.picture
        if picture.id not in completed:
            on_progress = partial(_show_state, card.caption_slot)
            completed[picture.id] = gallery_answers.answer(card.selection.model, picture, on_progress)
            _show_answer(card, completed[picture.id])
    for card in cards:
        if not store.cached_result(card.selection.request):
            _fill(card, partial(store.result, card.selection, partial(_show_state, card.map_slot)))
    return completed


def _lay_out(session: Session, number: int, picture: Picture) -> Card:
    """Draw the parts of a card that need no computation, and a button over its pictures that opens Explore."""
    request = replace(session.request, input=picture.id)
    with st.container(key=f"card-{number}", gap=None):
        with st.container(key=f"pair-{number}", gap=None):
            st.button(
                literal(f"Open {picture.name} in Explore"),
                key=f"show-{number}",
                on_click=open_in_explore,
                args=(request,),
            )
            st.image(data_url(store.strip([picture.shown_id], store.SQUARE_SIDE, [picture])), width="stretch", alt="")
            with st.container(key=f"map-{number}"):
                map_slot = st.empty()
                map_slot.caption(WAITING)
        with st.container(key=f"name-{number}", horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
            key = widget_state.chosen(picture.id).key
            st.checkbox("Select", key=key, label_visibility="collapsed", persist_state="session")
            st.markdown(literal(picture.name))
        with st.container(key=f"answer-below-{number}"):
            caption_slot = st.empty()
            caption_slot.caption(WAITING)
    return Card(Selection.of(request, picture), map_slot, caption_slot)


def _show_answer(card: Card, answer: Answer) -> None:
    text = f"{literal(answer.name)} · {literal(answer.text)}" if answer.name else NO_ANSWER
    card.caption_slot.caption(literal(answer.problem) or text)


def _fill(card: Card, get_result: Callable[[], Result | None]) -> None:
    """Show the result that `get_result` returns, if there is one, or the message of its error."""
    try:
        if result := get_result():
            _show_map(card, result)
    except Exception as error:
        card.map_slot.caption(literal(page_parts.error_message(error)))


def _show_state(slot: DeltaGenerator, state: str) -> None:
    slot.caption(f"{state} …")


def _show_map(card: Card, result: Result) -> None:
    if result.raw.ndim == 2:
        card.map_slot.caption(vector_message(result.raw.shape[1]))
        return
    selection = card.selection
    png = store.thumbnail(selection, result.raw, None, store.SQUARE_SIDE)
    card.map_slot.image(data_url(png), width="stretch", alt=f"{selection.entry.name} of {selection.picture.name}")
