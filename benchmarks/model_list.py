"""The list of models alone, or an empty list if the link says `list=empty`: the cost of a long list."""

import streamlit as st

from mirror_app.models import catalogue
from mirror_app.ui.common import model_labels

names = () if st.query_params.get("list") == "empty" else catalogue.names()
labels = model_labels.labels(names) if names else {}
st.selectbox("Model", names, format_func=lambda name: labels.get(name, name), accept_new_options=True)
