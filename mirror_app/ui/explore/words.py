"""Words that a model such as CLIP compares with the picture: each text is an answer that can be explained."""

from functools import partial

import numpy as np
import streamlit as st

from mirror_app.models import Model
from mirror_app.probe.output_kind import OutputKind
from mirror_app.targets import Target
from mirror_app.ui import store
from mirror_app.ui.common import picking
from mirror_app.ui.explore import answer_row
from mirror_app.ui.explore.answer_row import Answer
from mirror_app.ui.state import query_params, widget_state
from mirror_app.ui.state.session import current
from mirror_app.ui.store import Selection

NAME = widget_state.WORDS.key  # in links
SEPARATOR = "|"  # between the texts in a link
MAX_TEXTS, MAX_LENGTH = 12, 80  # a target holds two texts


def show(selection: Selection) -> None:
    """Let the visitor enter texts, and show how likely the model finds each of them."""
    st.text_area(
        "Compare with words",
        key=NAME,
        placeholder="a photo of a cat\na photo of a dog",
        height=100,
        max_chars=MAX_TEXTS * MAX_LENGTH,
        help=f"One text in each line: up to {MAX_TEXTS} texts of up to {MAX_LENGTH} characters.",
        persist_state="session",
    )
    texts = entered()
    query_params.write({NAME: SEPARATOR.join(texts) or None})
    if not texts:
        return
    cosines, probabilities = store.text_likelihoods(selection.model, selection.picture, texts)
    answers = [
        Answer(f"text-{number}", f"“{text}”", str(Target(text=text)), _row(text, float(share)), float(share))
        for number, (text, share) in enumerate(zip(texts, probabilities, strict=True))
    ]
    order = np.argsort(-probabilities, kind="stable").tolist()
    entry = picking.explaining_entry(selection.entry)
    with st.container(gap="xsmall"):
        for number in order:
            answer_row.show(answers[number], entry, None if number == order[0] else answers[order[0]])
    st.caption(_explanation(float(cosines.max()), selection.model))


def entered() -> list[str]:
    """Return the texts that the visitor has entered, or that the link holds."""
    if linked := current().linked.pop(NAME, ""):
        widget_state.WORDS.value = linked.replace(SEPARATOR, "\n")
    lines = widget_state.WORDS.value.replace('"', "'").replace(SEPARATOR, " ").splitlines()
    texts = [" ".join(line.split())[:MAX_LENGTH] for line in lines]
    return list(dict.fromkeys(filter(None, texts)))[:MAX_TEXTS]


def headline(selection: Selection) -> str:
    """Return the most likely text with its probability; "" if no text was entered or the model reads none."""
    texts = entered()
    if selection.model.text_encoder is None or not texts:
        return ""
    _, probabilities = store.text_likelihoods(selection.model, selection.picture, texts)
    first = int(probabilities.argmax())
    return _row(texts[first], float(probabilities[first]))


def offer_pictures(selection: Selection) -> None:
    """Offer to explain how similar the picture is to another one, if the model returns an embedding."""
    others = {id_: picture for id_, picture in current().pictures.items() if id_ != selection.picture.id}
    entry = picking.explaining_entry(selection.entry)
    if selection.model.kind is not OutputKind.EMBEDDING or not others or entry is None:
        return
    st.selectbox(
        "Compare with another picture",
        list(others),
        index=None,
        format_func=lambda id_: others[id_].name,
        placeholder="Choose a picture",
        help="Show what makes the two pictures similar to the model.",
        key=widget_state.COMPARED_PICTURE.key,
        on_change=partial(_explain_likeness, entry.key),
    )


def _explain_likeness(visualisation: str) -> None:
    if other := widget_state.COMPARED_PICTURE.value:
        widget_state.VISUALISATION.value = visualisation
        widget_state.TARGET.value = str(Target(like=other))


def _row(text: str, probability: float) -> str:
    return f"{text} · {OutputKind.CLASSES.text(probability)}"


def _explanation(highest: float, model: Model) -> str:
    assert model.text_encoder
    if model.text_encoder.tower.bias is None:
        shares = "The probabilities are shared among these texts: the model must choose one of them"
    else:
        shares = "Each text has a probability of its own"
    return f"{shares}. The highest similarity, a cosine, is {highest:.2f}."
