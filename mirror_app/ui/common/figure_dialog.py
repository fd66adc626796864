"""A dialog that makes a figure for a paper: its format, size and labels, a preview, and the text below it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from mirror_app import live
from mirror_app.export import paper
from mirror_app.export.paper import PaperFigure
from mirror_app.ui import store
from mirror_app.ui.appearance import inline
from mirror_app.ui.common import page_parts

WIDTHS = {paper.ONE_COLUMN: "One column, 85 mm", paper.FULL_WIDTH: "Full width, 180 mm"}
FORMATS = {"pdf": "PDF", "svg": "SVG", "png": "PNG, 300 dpi"}
FONT_SIZE = 8  # points
_LONGEST = 200  # characters of a label

Content = Callable[[], tuple[PaperFigure, str]]  # makes the figure and the text below it


@st.fragment
def offer(name: str, make: Content) -> None:
    """Offer a figure for a paper, which is downloaded as a file with this name; `make` is called in the dialog."""
    live.restore_program()  # a fragment runs without main.py, which does this for pages
    if st.button("Figure for a paper …", width="stretch", key="paper-figure"):
        _show(name, make)


@st.dialog("Figure for a paper", width="large")
def _show(name: str, make: Content) -> None:
    live.restore_program()
    if not paper.is_available():
        st.info("Figures need Matplotlib: install it with `pip install '.[figures]'`.", icon=":material/info:")
        return
    with page_parts.failures():
        figure, text = make()
        settings, result = st.columns([2, 3], gap="medium")
        with settings:
            file_format, width, font_size = _choose_size()
            labelled = _edit_labels(figure)
        with result:
            preview = store.figure_preview(labelled, width, font_size)
            inline.picture(preview, "The figure", key="paper-preview")
            st.caption("Caption")
            st.code(text, language=None, wrap_lines=True)
        settings.download_button(
            f"Download the {file_format.upper()} file",
            partial(paper.write, labelled, file_format, width, font_size),
            f"{name}-figure.{file_format}",
            paper.FORMATS[file_format],
            icon=":material/download:",
            type="primary",
            on_click="ignore",
            width="stretch",
        )


def _choose_size() -> tuple[str, int, int]:
    """Show the choices of format, width and font size, and return them."""
    file_format = st.segmented_control(
        "Format",
        list(FORMATS),
        format_func=FORMATS.__getitem__,
        default="pdf",
        required=True,
        key="figure-format",
        persist_state="session",
        help="In PDF and SVG files, text is text and can be edited. Pictures have 300 dots per inch in all formats.",
    )
    width = st.segmented_control(
        "Width",
        list(WIDTHS),
        format_func=WIDTHS.__getitem__,
        default=paper.ONE_COLUMN,
        required=True,
        key="figure-width",
        persist_state="session",
    )
    font_size = st.number_input(
        "Font size in points", *paper.FONT_SIZES, FONT_SIZE, key="figure-font", persist_state="session"
    )
    return file_format, width, font_size


def _edit_labels(figure: PaperFigure) -> PaperFigure:
    """Let the visitor change the title and the names of rows and columns, and return the figure with these."""
    with st.expander("Labels"):
        title = st.text_input("Title", figure.title, max_chars=_LONGEST)
        columns = [
            st.text_input(f"Column {number}", name, max_chars=_LONGEST) for number, name in enumerate(figure.columns, 1)
        ]
        rows = [
            st.text_input(f"Row {number}", name, max_chars=_LONGEST) if name or len(figure.rows) > 1 else name
            for number, name in enumerate(figure.rows, 1)
        ]
    return replace(figure, title=title, rows=rows, columns=columns)
