"""The kind of the model's output, in a caption below the prediction; an assumed kind can be changed."""

import streamlit as st
import torch

from mirror_app.engine import Prediction
from mirror_app.models import Model
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import mismatch_error
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import choose_output, current

CHOICES = {
    OutputKind.CLASSES: "Classes: exactly one applies (softmax)",
    OutputKind.LABELS: "Labels: several may apply (sigmoid)",
    OutputKind.NUMBERS: "Plain numbers",
    OutputKind.PROBABILITIES: "Already probabilities",
    OutputKind.EMBEDDING: "An embedding",
}
CAPTIONS = {
    OutputKind.LABELS: "Independent labels: each has its own probability, and together they need not add up to 100%.",
    OutputKind.NUMBERS: "Numbers, not probabilities.",
    OutputKind.EMBEDDING: "An embedding, not classes. The largest of its {count} channels are shown.",
}


def show(prediction: Prediction, model: Model) -> None:
    """Show the meaning of the numbers, and let the visitor change it unless the model declares it."""
    meaning = prediction.meaning
    if meaning is None:
        return
    if caption := CAPTIONS.get(meaning.kind):
        st.caption(caption.format(count=len(prediction.answers)))
    if not meaning.assumed and model.name not in current().outputs:
        return
    if meaning.assumed:
        st.caption(f"The model does not declare what its numbers are. They are shown as {meaning.kind}.")
    answers = torch.from_numpy(prediction.answers)[None]
    options = [kind for kind in CHOICES if not mismatch_error(kind, answers)]
    widget_state.OUTPUT_KIND.set_if_changed(meaning.kind)
    st.selectbox(
        "What the numbers are",
        options,
        format_func=CHOICES.__getitem__,
        key=widget_state.OUTPUT_KIND.key,
        help="The model's owner can declare this: `output` in the settings file, or `mirror(…, output=…)`.",
        on_change=_choose,
        args=(model.name,),
    )


def offer_undo(model: Model) -> None:
    """Offer to undo the output kind that a link selected for this model."""
    if model.name in current().outputs:
        st.button("Use the model's own output kind", on_click=choose_output, args=(model.name, ""))


def _choose(model_name: str) -> None:
    choose_output(model_name, str(widget_state.OUTPUT_KIND.value))
