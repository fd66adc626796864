"""Decides where the parts of a figure lie on its page, in pixels of 1/300 inch from the top left corner."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from mirror_app.errors import MirrorError
from mirror_app.export.figure import TILE_BACKGROUND, broken_lines, fitted, fitted_size
from mirror_app.export.paper.content import WARNING, PaperFigure
from mirror_app.render import Legend

DPI = 300
_MM, _POINT = DPI / 25.4, DPI / 72  # pixels
MARGIN, GAP, CLOSE = round(1 * _MM), round(1.6 * _MM), round(0.7 * _MM)
BAR_WIDTH = round(2.2 * _MM)
MIN_SIDE, MAX_HEIGHT = round(5 * _MM), round(240 * _MM)
LINE, CAPTION_SCALE = 1.2, 0.85  # the height of a line in font sizes, and the font size of captions in that of names
MAX_LINES = 3
TEXT, PALE_TEXT, OUTLINE = "#000000", "#404040", "#808080"

Measure = Callable[[str, float], float]  # returns the width of a text in points, for a font size in points


@dataclass(frozen=True)
class PlacedText:
    """Lines of text; `x` and `y` are those of the point that `horizontal` and `vertical` name."""

    lines: Sequence[str]
    x: float
    y: float
    size: float  # points
    horizontal: str = "center"
    vertical: str = "center"
    rotation: int = 0
    colour: str = TEXT


@dataclass(frozen=True)
class PlacedPicture:
    """A picture, of which each pixel is a pixel of the page."""

    image: Image.Image
    x: int
    y: int


@dataclass(frozen=True)
class PlacedBox:
    """A rectangle with a fill or an outline."""

    x: int
    y: int
    width: int
    height: int
    fill: str = ""
    outline: str = ""


@dataclass
class Page:
    """The parts of a figure; the width need not be a whole number of pixels."""

    width: float
    height: int = 0
    texts: list[PlacedText] = field(default_factory=list)
    pictures: list[PlacedPicture] = field(default_factory=list)
    boxes: list[PlacedBox] = field(default_factory=list)


def lay_out(figure: PaperFigure, width: float, font_size: float, measure: Measure) -> Page:
    """Return the page of a figure that is `width` pixels wide.

    Raises:
        MirrorError: If the columns do not fit into this width.
    """
    return _Layout(figure, width, font_size, measure).page()


class _Layout:
    """The sizes of all parts of a figure: `side` is the width of a column, which pictures fill."""

    def __init__(self, figure: PaperFigure, width: float, font_size: float, measure: Measure) -> None:
        self.figure, self.width, self._measure = figure, width, measure
        self.size, self.caption_size = font_size, font_size * CAPTION_SCALE
        pictures = [[tile.content for tile in row if isinstance(tile.content, bytes)] for row in figure.tiles]
        self._picture_sizes = [[Image.open(io.BytesIO(picture)).size for picture in row] for row in pictures]
        self.legends = figure.legends if any(figure.legends) else ()
        self.name_lines = -1
        while self.name_lines < MAX_LINES:  # the room for the names of the rows depends on how they are broken
            self.name_lines += 1
            self._resize(int((width - 2 * MARGIN - self._names_width - self._legend_width + GAP) / self._count - GAP))
            if all(len(self._wrapped(name, self._room(r), font_size)) <= self.name_lines for r, name in self._names):
                break
        while self.height > MAX_HEIGHT and self.side > MIN_SIDE:
            self._resize(max(MIN_SIDE, self.side - max(1, (self.height - MAX_HEIGHT) // len(figure.rows))))

    def _resize(self, side: int) -> None:
        if side < MIN_SIDE:
            problem = f"{self._count} columns do not fit into {self.width / _MM:.0f} mm"
            hint = "choose a wider figure, shorter labels or fewer columns"
            raise MirrorError(problem, culprit="width", hint=hint)
        self.side = side
        self.columns = [self._wrapped(name, side, self.size) for name in self.figure.columns]
        self.title = self._wrapped(self.figure.title, self.width - 2 * MARGIN, self.size)
        self.captions = [
            [self._caption(f"{WARNING} {tile.caption}" if tile.has_warning else tile.caption) for tile in row]
            for row in self.figure.tiles
        ]
        # A row is as high as its highest picture; a row with a name, or without pictures, is not much lower than wide.
        heights = [[fitted_size(size, side)[1] for size in row] for row in self._picture_sizes]
        least = [side // 2 if self.figure.rows[r] or not row else 1 for r, row in enumerate(heights)]
        self.heights = [max([*row, low]) for row, low in zip(heights, least, strict=True)]

    @property
    def _count(self) -> int:
        return len(self.figure.columns)

    @property
    def _names(self) -> list[tuple[int, str]]:
        return list(enumerate(self.figure.rows))

    @property
    def _names_width(self) -> int:
        return self._block(self.name_lines, self.size)

    @property
    def _legend_width(self) -> int:
        texts = [text for legend in self.legends if legend for text, _ in _ticks(legend)]
        widths = [self._measure(text, self.caption_size) * _POINT for text in texts]
        return GAP + BAR_WIDTH + CLOSE + round(max(widths)) if widths else 0

    def _wrapped(self, text: str, width: float, size: float, max_lines: int = MAX_LINES) -> list[str]:
        lines = broken_lines(text, width, max_lines, lambda line: self._measure(line, size) * _POINT)
        return lines if any(lines) else []

    def _caption(self, text: str) -> list[str]:
        """Return the lines of a caption; one that is too long for a line is broken at its dots first."""
        lines = self._wrapped(text, self.side, self.caption_size)
        if len(lines) < 2:
            return lines
        at_dots = [line for part in text.split(" · ") for line in self._wrapped(part, self.side, self.caption_size)]
        return at_dots if len(at_dots) <= MAX_LINES else lines

    @staticmethod
    def _block(lines: int, size: float) -> int:
        """Return the room for lines of text and the space between them and a picture."""
        return round(lines * LINE * size * _POINT) + CLOSE if lines else 0

    @property
    def _top(self) -> int:
        """The upper edge of the first row of pictures."""
        names = max(self._block(len(lines), self.size) for lines in self.columns)
        return MARGIN + self._block(len(self.title), self.size) + (CLOSE if self.title else 0) + names

    def _room(self, row: int) -> int:
        """Return the height of a row with its captions, along which its name is written."""
        return self.heights[row] + max(self._block(len(lines), self.caption_size) for lines in self.captions[row])

    @property
    def height(self) -> int:
        """The height of the page."""
        rows = range(len(self.figure.rows))
        return self._top + sum(self._room(r) + GAP for r in rows) - GAP + MARGIN

    def page(self) -> Page:
        """Return the page; content that is narrower than the page is in its middle."""
        page = Page(self.width, self.height)
        content_width = self._names_width + self._count * (self.side + GAP) - GAP + self._legend_width
        left = max(MARGIN, int((self.width - content_width) / 2)) + self._names_width
        right = left + self._count * (self.side + GAP) - GAP
        page.texts.append(
            PlacedText(self.title, left - self._names_width, MARGIN, self.size, horizontal="left", vertical="top")
        )
        for c, lines in enumerate(self.columns):
            middle = left + c * (self.side + GAP) + self.side / 2
            page.texts.append(PlacedText(lines, middle, self._top - CLOSE / 2, self.size, vertical="bottom"))
        top = bottom = self._top
        for r, name in self._names:
            lines = self._wrapped(name, self._room(r), self.size, max(1, self.name_lines))
            longest = max((self._measure(line, self.size) * _POINT for line in lines), default=0)
            x, y = left - CLOSE - (self._names_width - CLOSE) / 2, top + max(self.heights[r], longest) / 2
            page.texts.append(PlacedText(lines, x, y, self.size, rotation=90))
            for c in range(self._count):
                self._place_tile(page, r, c, left + c * (self.side + GAP), top)
            if len(self.legends) > 1 and (legend := self.legends[r]):
                self._place_legend(page, legend, right + GAP, top, self.heights[r])
            bottom = top + self.heights[r]
            top += self._room(r) + GAP
        if len(self.legends) == 1 and (legend := self.legends[0]):
            self._place_legend(page, legend, right + GAP, self._top, bottom - self._top)
        return page

    def _place_tile(self, page: Page, r: int, c: int, left: int, top: int) -> None:
        content, height = self.figure.tiles[r][c].content, self.heights[r]
        if isinstance(content, bytes):
            image = fitted(content, self.side)
            x, y = left + (self.side - image.width) // 2, top + (height - image.height) // 2
            page.pictures.append(PlacedPicture(image, x, y))
        elif content:
            page.boxes.append(PlacedBox(left, top, self.side, height, fill=TILE_BACKGROUND))
            most = max(1, int(height / (LINE * self.caption_size * _POINT)))
            sentence = self._wrapped(content, self.side - 2 * CLOSE, self.caption_size, most)
            middle = (left + self.side / 2, top + height / 2)
            page.texts.append(PlacedText(sentence, *middle, self.caption_size, colour=PALE_TEXT))
        lines, below = self.captions[r][c], top + height + CLOSE
        page.texts.append(
            PlacedText(lines, left + self.side / 2, below, self.caption_size, vertical="top", colour=PALE_TEXT)
        )

    def _place_legend(self, page: Page, legend: Legend, left: int, top: int, height: int) -> None:
        page.pictures.append(PlacedPicture(_gradient(legend, height), left, top))
        page.boxes.append(PlacedBox(left, top, BAR_WIDTH, height, outline=OUTLINE))
        anchors = {0.0: "bottom", 0.5: "center", 1.0: "top"}
        for text, share in _ticks(legend):
            y, x = top + (1 - share) * height, left + BAR_WIDTH + CLOSE
            page.texts.append(PlacedText([text], x, y, self.caption_size, "left", anchors[share]))


def _ticks(legend: Legend) -> list[tuple[str, float]]:
    """Return the numbers beside a colour bar, each with its position on the bar from 0 to 1."""
    numbers = [(legend.low, 0.0), *([(0.0, 0.5)] if legend.low == -legend.high else []), (legend.high, 1.0)]
    return [(f"{number:.3g}".replace("-", "−"), share) for number, share in numbers]


def _gradient(legend: Legend, height: int) -> Image.Image:
    """Return a colour bar as a picture, with the largest number at the top."""
    colours = np.array([list(bytes.fromhex(code.lstrip("#"))) for code in legend.colours], float)
    at = np.linspace(len(colours) - 1, 0, height)
    column = np.stack([np.interp(at, np.arange(len(colours)), channel) for channel in colours.T], 1)
    return Image.fromarray(np.repeat(column[:, None].round().astype(np.uint8), BAR_WIDTH, 1))
