"""The dashboard with one picture, which changes with every setting: the reference for changing a setting."""

import numpy as np
import streamlit as st

from mirror_app import render
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.sidebar import selection
from mirror_app.ui.state.session import current

SIDE = 116  # pixels of noise, which take as many bytes as a guided Grad-CAM of 128 × 128 pixels


def show() -> None:
    """Draw the picture, which differs as soon as a setting is changed."""
    guided = len(current().request.params)
    noise = np.random.default_rng(guided).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    with st.container(key="picture"):
        st.image(data_url(render.png(noise)), width="stretch")


st.set_page_config(layout="wide")
page = st.navigation([st.Page(show, title="One picture", url_path="picture", default=True)], position="hidden")
selection.draw(st.empty(), "picture")
page.run()
