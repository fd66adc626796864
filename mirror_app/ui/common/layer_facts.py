"""What is known of a model's layers: which there are, what each costs, where data flows; kept between reruns."""

import streamlit as st

from mirror_app import engine, live
from mirror_app.layers import Layer
from mirror_app.probe import Cost
from mirror_app.ui.store import model


def tree(model_name: str) -> list[Layer]:
    """Return the layers of the model of that name, in the order in which they run."""
    return _tree(model_name, live.revision(model_name))


def costs(model_name: str) -> dict[str, Cost]:
    """Return what each layer of the model of that name costs."""
    return _costs(model_name, live.revision(model_name))


def flow(model_name: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return between which of the layers `names` data flows."""
    return _flow(model_name, names, live.revision(model_name))


@st.cache_data(max_entries=32, show_spinner=False)
def _tree(model_name: str, revision: str) -> list[Layer]:
    return engine.tree(model(model_name))


@st.cache_data(max_entries=32, show_spinner=False)
def _costs(model_name: str, revision: str) -> dict[str, Cost]:
    return engine.costs(model(model_name))


@st.cache_data(max_entries=256, show_spinner=False)
def _flow(model_name: str, names: tuple[str, ...], revision: str) -> list[tuple[str, str]]:
    return engine.flow(model(model_name), names)
