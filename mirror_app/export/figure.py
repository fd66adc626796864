"""Draws pictures in rows and columns as one figure, with the names of rows and columns, in Pillow's own font."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from mirror_app.render import Legend

# All lengths are in pixels.
TILE_SIDE, GAP, MARGIN = 224, 12, 24
ROW_NAME_WIDTH = 148
FONT_SIZE, CAPTION_FONT_SIZE = 16, 12
WARNING_SIDE = 10
BAR_WIDTH, BAR_HEIGHT = 132, 8
BAR_STEP = BAR_HEIGHT + CAPTION_FONT_SIZE * 2  # a bar with its numbers

BACKGROUND, TILE_BACKGROUND = "#ffffff", "#f1eff6"
TEXT_COLOUR, CAPTION_COLOUR, WARNING_COLOUR = "#221d33", "#746f85", "#c2570c"
WARNING_LEGEND = "Read with care: Mirror's page explains why."


@dataclass(frozen=True)
class Tile:
    """A cell of a figure: a PNG file, or a sentence in its place, with a caption and perhaps a warning sign below."""

    content: bytes | str
    caption: str = ""
    has_warning: bool = False


@dataclass(frozen=True)
class ColourBars:
    """The colour bars of a figure, next to what shares their scale: each row, each column, or all tiles."""

    rows: Sequence[Legend | None] = ()
    columns: Sequence[Legend | None] = ()
    shared: Sequence[Legend] = ()


def draw_figure(
    tiles: Sequence[Sequence[Tile]],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    bars: ColourBars = ColourBars(),
) -> bytes:
    """Return a figure as a PNG file.

    Args:
        tiles: The cells, row by row.
        rows: The name of each row, drawn to its left.
        columns: The name of each column, drawn above it.
        title: A line above the figure; "" for none.
        bars: The colour bars: below the names of rows, below the names of columns, and below the title.

    Example:
        >>> from mirror_app.export.figure import Tile, draw_figure
        >>> draw_figure([[Tile("No picture.")]], ["first row"], ["first column"], "A figure")[1:4]
        b'PNG'
    """
    column_names = [wrap_text(name, TILE_SIDE, FONT_SIZE, 3) for name in columns]
    caption_width = TILE_SIDE - 4 * WARNING_SIDE
    captions = [[wrap_text(tile.caption, caption_width, CAPTION_FONT_SIZE, 3) for tile in row] for row in tiles]
    has_warning = any(tile.has_warning for row in tiles for tile in row)
    left, column_step = MARGIN + ROW_NAME_WIDTH + GAP, TILE_SIDE + GAP
    width = left + len(columns) * column_step - GAP
    title_lines = wrap_text(title, width - MARGIN, FONT_SIZE, 3)
    names_height = max(_height(name, FONT_SIZE) for name in column_names)
    bars_top = MARGIN + _height(title_lines, FONT_SIZE) + GAP
    top = bars_top + (BAR_STEP if bars.shared else 0) + names_height + GAP + (BAR_STEP if any(bars.columns) else 0)
    row_step = TILE_SIDE + GAP + max(_height(caption, CAPTION_FONT_SIZE) for row in captions for caption in row)
    height = top + len(rows) * row_step + (CAPTION_FONT_SIZE * 2 if has_warning else 0)
    canvas = Image.new("RGB", (width + MARGIN, height - GAP + MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    _write(draw, title_lines, (MARGIN, MARGIN), "la", FONT_SIZE, TEXT_COLOUR)
    for number, shared in enumerate(bars.shared):
        _draw_bar(canvas, draw, shared, left + number * column_step + (TILE_SIDE - BAR_WIDTH) // 2, bars_top)
    for c, name in enumerate(column_names):
        x, bottom = left + c * column_step, top - GAP - (BAR_STEP if any(bars.columns) else 0)
        _write(draw, name, (x + TILE_SIDE // 2, bottom), "md", FONT_SIZE, TEXT_COLOUR)
        if legend := dict(enumerate(bars.columns)).get(c):
            _draw_bar(canvas, draw, legend, x + (TILE_SIDE - BAR_WIDTH) // 2, bottom + GAP // 2)
    for r, row in enumerate(tiles):
        y = top + r * row_step
        row_name = wrap_text(rows[r], ROW_NAME_WIDTH, FONT_SIZE, 6)
        _write(draw, row_name, (MARGIN + ROW_NAME_WIDTH, y + TILE_SIDE // 2), "rm", FONT_SIZE, TEXT_COLOUR)
        if legend := dict(enumerate(bars.rows)).get(r):
            below = y + (TILE_SIDE + _height(row_name, FONT_SIZE)) // 2 + GAP
            _draw_bar(canvas, draw, legend, MARGIN + ROW_NAME_WIDTH - BAR_WIDTH, below)
        for c, tile in enumerate(row):
            x = left + c * column_step
            _draw_content(canvas, draw, tile.content, x, y)
            _draw_caption(draw, captions[r][c], tile.has_warning, x + TILE_SIDE // 2, y + TILE_SIDE + GAP // 3)
    if has_warning:
        middle = left + (width - left) // 2
        _draw_caption(draw, [WARNING_LEGEND], True, middle, height - GAP - CAPTION_FONT_SIZE)
    file = io.BytesIO()
    canvas.save(file, "PNG")
    return file.getvalue()


def wrap_text(text: str, width: int, font_size: int, max_lines: int) -> list[str]:
    """Return text broken into lines; text that does not fit ends with “…”.

    Args:
        text: The text. Words that are longer than a line are broken, too.
        width: The largest width of a line, in pixels.
        font_size: The size of the font, in pixels.
        max_lines: The largest number of lines.

    Example:
        >>> from mirror_app.export.figure import wrap_text
        >>> wrap_text("one two three", 60, 16, 3)
        ['one two', 'three']
    """
    return broken_lines(text, width, max_lines, ImageFont.load_default(font_size).getlength)


def broken_lines(text: str, width: float, max_lines: int, measure: Callable[[str], float]) -> list[str]:
    """Return text broken into lines, as `wrap_text` does, for any font.

    Args:
        text: The text.
        width: The largest width of a line.
        max_lines: The largest number of lines.
        measure: Returns the width of a line.

    Example:
        >>> from mirror_app.export.figure import broken_lines
        >>> broken_lines("one two three", 8, 3, len)
        ['one two', 'three']
    """
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if measure(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:  # dotted names of layers may be longer than a line
            if measure(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines if len(lines) <= max_lines else [*lines[: max_lines - 1], f"{lines[max_lines - 1][:-1]}…"]


def _draw_content(canvas: Image.Image, draw: ImageDraw.ImageDraw, content: bytes | str, left: int, top: int) -> None:
    draw.rectangle((left, top, left + TILE_SIDE - 1, top + TILE_SIDE - 1), fill=TILE_BACKGROUND)
    if isinstance(content, str):
        middle = (left + TILE_SIDE // 2, top + TILE_SIDE // 2)
        sentence = wrap_text(content, TILE_SIDE - 2 * GAP, CAPTION_FONT_SIZE, 12)
        _write(draw, sentence, middle, "mm", CAPTION_FONT_SIZE, CAPTION_COLOUR)
        return
    image = fitted(content, TILE_SIDE)
    canvas.paste(image, (left + (TILE_SIDE - image.width) // 2, top + (TILE_SIDE - image.height) // 2))


def fitted(png: bytes, side: int) -> Image.Image:
    """Return a picture enlarged or reduced until its longer side has `side` pixels.

    Args:
        png: A PNG file.
        side: The length of the longer side, in pixels.

    Example:
        >>> import numpy as np
        >>> from mirror_app import render
        >>> from mirror_app.export.figure import fitted
        >>> fitted(render.png(np.zeros((2, 4, 3), np.uint8)), 100).size
        (100, 50)
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    resampling = Image.Resampling.BICUBIC if side > max(image.size) else Image.Resampling.LANCZOS
    return image.resize(fitted_size(image.size, side), resampling)


def fitted_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the width and the height of a picture whose longer side is changed to `side` pixels."""
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _draw_bar(canvas: Image.Image, draw: ImageDraw.ImageDraw, legend: Legend, left: int, top: int) -> None:
    """Draw a colour bar with its numbers below: the lowest, 0 if the bar has two sides, and the highest."""
    colours = np.array([ImageColor.getrgb(colour) for colour in legend.colours])
    steps = np.linspace(0, len(colours) - 1, BAR_WIDTH)
    line = np.stack([np.interp(steps, np.arange(len(colours)), channel) for channel in colours.T], axis=1)
    canvas.paste(
        Image.fromarray(np.broadcast_to(line.round(), (BAR_HEIGHT, BAR_WIDTH, 3)).astype(np.uint8)), (left, top)
    )
    anchors = ("la", "ma", "ra") if legend.low else ("la", "ra")
    for number, anchor in zip(legend.ticks, anchors, strict=True):
        x = left + {"l": 0, "m": BAR_WIDTH // 2, "r": BAR_WIDTH}[anchor[0]]
        _write(draw, [f"{number:.3g}"], (x, top + BAR_HEIGHT + 3), anchor, CAPTION_FONT_SIZE, CAPTION_COLOUR)


def _height(lines: Sequence[str], font_size: int) -> int:
    return font_size * 5 // 4 * len(lines) if any(lines) else 0


def _draw_caption(draw: ImageDraw.ImageDraw, lines: Sequence[str], has_warning: bool, middle: int, top: int) -> None:
    """Write a caption and, if `has_warning`, a warning sign to the left of its first line."""
    _write(draw, lines, (middle, top), "ma", CAPTION_FONT_SIZE, CAPTION_COLOUR)
    if has_warning:
        half_width = round(ImageFont.load_default(CAPTION_FONT_SIZE).getlength(lines[0]) / 2)
        left, bottom = middle - half_width - WARNING_SIDE * 3 // 2, top + CAPTION_FONT_SIZE
        triangle = [(left, bottom), (left + WARNING_SIDE, bottom), (left + WARNING_SIDE // 2, bottom - WARNING_SIDE)]
        draw.polygon(triangle, fill=WARNING_COLOUR)


def _write(
    draw: ImageDraw.ImageDraw, lines: Sequence[str], at: tuple[int, int], anchor: str, font_size: int, colour: str
) -> None:
    draw.multiline_text(
        at,
        "\n".join(lines),
        colour,
        ImageFont.load_default(font_size),
        anchor,
        align={"l": "left", "m": "center", "r": "right"}[anchor[0]],
        spacing=font_size // 4,
    )
