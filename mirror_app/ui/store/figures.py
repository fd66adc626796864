"""Previews of figures for papers, each drawn once for all visitors, who take turns."""

import hashlib
import io
import pickle

import numpy as np
import streamlit as st
from PIL import Image

from mirror_app import render
from mirror_app.export import paper
from mirror_app.export.paper import PaperFigure
from mirror_app.turns import Turns
from mirror_app.ui.state.visitor import visitor

_SIDE = 1200  # pixels
_TURNS = Turns(1)


def figure_preview(figure: PaperFigure, width: float, font_size: float) -> bytes:
    """Return a figure as a PNG file for the screen, with no side longer than 1200 pixels. May raise MirrorError."""
    digest = hashlib.sha1(pickle.dumps(figure), usedforsecurity=False).hexdigest()
    return _preview(digest, width, font_size, figure)


@st.cache_data(max_entries=64, max_size="64mb", show_spinner=False)
def _preview(digest: str, width: float, font_size: float, _figure: PaperFigure) -> bytes:
    with _TURNS.take(visitor()):
        page = Image.open(io.BytesIO(paper.write(_figure, "png", width, font_size))).convert("RGB")
        page.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        return render.png(np.asarray(page))
