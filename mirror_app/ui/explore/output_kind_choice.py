"""What the model's numbers are taken for: in a line below the answer, with a choice where it is only assumed."""

import streamlit as st
import torch

from mirror_app.engine import Prediction
from mirror_app.models import Model
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import mismatch_reason
from mirror_app.ui.state.session import choose_output, current, set_if_changed

KEY = "output-kind"
CHOICES = {
    OutputKind.CLASSES: "Classes: one of them holds (softmax)",
    OutputKind.LABELS: "Labels: several may hold (sigmoid)",
    OutputKind.NUMBERS: "Numbers, as they are",
    OutputKind.PROBABILITIES: "Probabilities already",
    OutputKind.EMBEDDING: "An embedding",
}
CAPTIONS = {
    OutputKind.LABELS: "Independent labels: each has its own probability, and together they need not make 100%.",
    OutputKind.NUMBERS: "Numbers, not probabilities.",
    OutputKind.EMBEDDING: "An embedding, not classes: the largest of its {count} channels.",
}


def ask(prediction: Prediction, model: Model) -> None:
    """Say what the numbers are; where nobody but the visitor said so, let the visitor choose."""
    meaning = prediction.meaning
    if meaning is None:
        return
    if caption := CAPTIONS.get(meaning.kind):
        st.caption(caption.format(count=len(prediction.answers)))
    if not meaning.assumed and model.name not in current().outputs:
        return
    if meaning.assumed:
        st.caption(f"Assumed: the model does not say what its numbers are, and they are shown as {meaning.kind}.")
    answers = torch.from_numpy(prediction.answers)[None]
    options = [kind for kind in CHOICES if not mismatch_reason(kind, answers)]
    set_if_changed(KEY, meaning.kind)
    st.selectbox(
        "What the numbers are",
        options,
        format_func=CHOICES.__getitem__,
        key=KEY,
        help="The model's owner can declare this: `output` in the settings file, or `mirror(…, output=…)`.",
        on_change=_choose,
        args=(model.name,),
    )


def offer_undo(model: Model) -> None:
    """Let the visitor take back what a link said of this model."""
    if model.name in current().outputs:
        st.button("Let the model say what its numbers are", on_click=choose_output, args=(model.name, ""))


def _choose(model_name: str) -> None:
    choose_output(model_name, str(st.session_state[KEY]))
