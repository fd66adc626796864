"""The layers of a model, their costs and the data flow between them, cached between reruns."""

import streamlit as st

from mirror_app import engine, live
from mirror_app.layers import Layer
from mirror_app.probe import Cost
from mirror_app.ui.store import model


def tree(model_name: str) -> list[Layer]:
    """Return the layers of a model in the order in which they run."""
    return _tree(model_name, live.revision(model_name))


def costs(model_name: str) -> dict[str, Cost]:
    """Return the cost of each layer of a model."""
    return _costs(model_name, live.revision(model_name))


def flow(model_name: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the pairs of layers among `names` between which data flows."""
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
