"""The content of a figure for a paper, and the sizes that it may have."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mirror_app.errors import MirrorError
from mirror_app.export.figure import Tile
from mirror_app.render import Legend

FORMATS = MappingProxyType({"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"})  # with MIME types
ONE_COLUMN, FULL_WIDTH = 85, 180  # mm: the width of a column and of a page in most journals
WARNING = "⚠"  # before the caption of a picture that has a note
WIDTHS, FONT_SIZES = (30, 300), (4, 20)  # the smallest and the largest, in mm and in points


@dataclass(frozen=True)
class PaperFigure:
    """Pictures in rows and columns, with labels and colour bars.

    Args:
        tiles: The cells, row by row. A tile with a warning has the sign ⚠ before its caption.
        rows: The name of each row, which is written upwards to its left; "" for none.
        columns: The name of each column, which is written above it; "" for none.
        title: A line above the figure; "" for none.
        legends: The colour bars, to the right: one for the whole figure, one for each row (None for a row without),
            or none at all.

    Raises:
        MirrorError: If the numbers of tiles, names and colour bars do not fit together.

    Example:
        >>> from mirror_app.export.figure import Tile
        >>> from mirror_app.export.paper import PaperFigure
        >>> from mirror_app.render import Legend
        >>> bar = Legend(("#000000", "#ffffff"), low=0.0, high=1.5)
        >>> PaperFigure([[Tile("No picture.")]], rows=[""], columns=["Grad-CAM"], legends=[bar]).legends[0].high
        1.5
    """

    tiles: Sequence[Sequence[Tile]]
    rows: Sequence[str]
    columns: Sequence[str]
    title: str = ""
    legends: Sequence[Legend | None] = ()

    def __post_init__(self) -> None:
        shape = (len(self.rows), [len(self.columns)] * len(self.rows))
        if (len(self.tiles), [len(row) for row in self.tiles]) != shape or not (self.rows and self.columns):
            accepted = "one tile for each row and column, and at least one of them"
            raise MirrorError(f"A figure needs {accepted}.", culprit="tiles", accepted=accepted)
        if len(self.legends) not in (0, 1, len(self.rows)):
            accepted = "no colour bar, one for the figure, or one for each row"
            raise MirrorError(f"A figure takes {accepted}.", culprit="legends", accepted=accepted)


def check_size(file_format: str, width: float, font_size: float) -> None:
    """Raise MirrorError unless a figure can be written in this format, width (mm) and font size (points)."""
    if file_format not in FORMATS:
        raise MirrorError(f"There is no figure format '{file_format}'.", culprit=file_format, accepted=tuple(FORMATS))
    for name, value, (low, high), measure in (
        ("width", width, WIDTHS, "mm"),
        ("font size", font_size, FONT_SIZES, "points"),
    ):
        if not low <= value <= high:
            accepted = f"{low} to {high} {measure}"
            raise MirrorError(f"The {name} must be {accepted}, not {value:g}.", culprit=str(value), accepted=accepted)
