"""The way from the bundled models, which know drawn shapes only, to a model that has seen photographs."""

import streamlit as st

from mirror_app.models import catalogue
from mirror_app.ui.common import model_labels
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection

# The first of these that the server offers: small, and trained on the photographs of ImageNet.
_MODELS = ("squeezenet1_1", "mobilenet_v3_small", "resnet18")


def show(session: Session, selection: Selection) -> None:
    """Offer a model for photographs if a picture that the visitor added goes to a bundled model."""
    if selection.request.model not in catalogue.BUNDLED_MODELS or selection.picture not in session.added_pictures:
        return
    st.caption("This demo model knows drawn shapes only. For a photograph, its answer means nothing.")
    name = next((name for name in _MODELS if name in session.models), None)
    if name is None:
        return
    st.button(
        f"Show it with {model_labels.labels([name])[name]}",
        type="primary",
        icon=":material/swap_horiz:",
        on_click=_choose,
        args=(name,),
    )


def _choose(name: str) -> None:
    widget_state.MODEL.value = name
