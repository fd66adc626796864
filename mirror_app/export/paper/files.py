"""Writes figures for papers to files."""

from dataclasses import replace
from importlib.util import find_spec

from mirror_app.errors import MirrorError
from mirror_app.export.paper.content import FULL_WIDTH, PaperFigure, check_size
from mirror_app.export.paper.layout import DPI, lay_out


def write(figure: PaperFigure, file_format: str = "pdf", width: float = FULL_WIDTH, font_size: float = 8) -> bytes:
    """Return a figure as a file whose text is real text and whose pictures have exactly 300 dots per inch.

    Threads may write figures at the same time: they take turns.

    Args:
        figure: The figure.
        file_format: "pdf" (with embedded TrueType fonts), "svg" (with the text as text) or "png" (300 dpi).
        width: The width of the page, 30 to 300 mm. A column of most journals is 85 mm wide, a whole page 180 mm.
        font_size: The size of names, 4 to 20 points. Captions and the numbers of colour bars are a little smaller.

    Returns:
        The file. The same figure always gives the same bytes. The page has the given width and is at most 240 mm high.

    Raises:
        MirrorError: If Matplotlib is not installed, if an argument is not accepted, or if the columns do not fit.

    Example:
        >>> from mirror_app.export.figure import Tile
        >>> from mirror_app.export.paper import PaperFigure, is_available, write
        >>> figure = PaperFigure([[Tile("No picture.")]], rows=[""], columns=["Grad-CAM"])
        >>> not is_available() or write(figure, "pdf", width=85)[:5] == b"%PDF-"
        True
    """
    check_size(file_format, width, font_size)
    if not is_available():
        hint = "install it with pip install '.[figures]'"
        raise MirrorError("A figure for a paper needs Matplotlib", culprit="Matplotlib", hint=hint)
    from mirror_app.export.paper import drawing

    pixels = width / 25.4 * DPI
    with drawing.options():
        # A PNG file has whole pixels; the pages of the other formats have exactly the given width.
        page_width = round(pixels) if file_format == "png" else pixels
        page = lay_out(_drawable(figure), page_width, font_size, drawing.measure)
        return drawing.draw(page, file_format)


def is_available() -> bool:
    """Tell whether figures can be written: Matplotlib is an optional dependency."""
    return find_spec("matplotlib") is not None


def _drawable(figure: PaperFigure) -> PaperFigure:
    """Return a figure without the characters that the font lacks."""
    from mirror_app.export.paper.drawing import drawable

    return replace(
        figure,
        tiles=[
            [
                replace(
                    tile,
                    content=drawable(tile.content) if isinstance(tile.content, str) else tile.content,
                    caption=drawable(tile.caption),
                )
                for tile in row
            ]
            for row in figure.tiles
        ],
        rows=[drawable(name) for name in figure.rows],
        columns=[drawable(name) for name in figure.columns],
        title=drawable(figure.title),
    )
