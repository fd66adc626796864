"""Figures for papers: PDF, SVG or PNG files of an exact width with real text, and the text below them."""

from mirror_app.export.paper.caption import caption_of_matrix, caption_of_picture
from mirror_app.export.paper.content import FONT_SIZES, FORMATS, FULL_WIDTH, ONE_COLUMN, PaperFigure
from mirror_app.export.paper.figures import figure_of_matrix, figure_of_picture
from mirror_app.export.paper.files import is_available, write

__all__ = [
    "FONT_SIZES",
    "FORMATS",
    "FULL_WIDTH",
    "ONE_COLUMN",
    "PaperFigure",
    "caption_of_matrix",
    "caption_of_picture",
    "figure_of_matrix",
    "figure_of_picture",
    "is_available",
    "write",
]
