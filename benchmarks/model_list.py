"""The list of models alone, or an empty list if the link says `list=empty`: the cost of a long list."""

import streamlit as st

from mirror_app.models import catalogue
from mirror_app.ui.common import model_labels

names: tuple[str, ...] = ()
sizes: dict[str, int] = {}
if st.query_params.get("list") != "empty":
    names, sizes = catalogue.names(), catalogue.download_sizes()
st.selectbox("Model", names, format_func=lambda name: model_labels.label(name, sizes), accept_new_options=True)
