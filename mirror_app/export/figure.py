"""Pictures in rows and columns as one picture, with the names of both, in Pillow's own letters."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

TILE_SIDE, GAP, MARGIN = 224, 12, 24  # pixels
FONT_SIZE, CAPTION_FONT_SIZE = 16, 12
ROW_NAME_WIDTH = 148  # the width of the names of the rows
BACKGROUND, TEXT_COLOUR, CAPTION_COLOUR, TILE_BACKGROUND, WARNING_COLOUR = (
    "#ffffff",
    "#221d33",
    "#746f85",
    "#f1eff6",
    "#c2570c",
)
WARNING_SIDE = 10  # the side of the sign that warns
WARNING_LEGEND = "Read with care: Mirror's page says why."


@dataclass(frozen=True)
class Tile:
    """A PNG file, or the sentence that stands in its place; the words below it, and whether a sign there warns."""

    content: bytes | str
    caption: str = ""
    has_warning: bool = False


def draw_figure(tiles: Sequence[Sequence[Tile]], rows: Sequence[str], columns: Sequence[str], head: str) -> bytes:
    """Return a PNG file of `tiles`, row after row, with the names of rows and columns, and the line `head` above."""
    names = [wrap_text(name, TILE_SIDE, FONT_SIZE, 3) for name in columns]
    told = [
        [wrap_text(tile.caption, TILE_SIDE - 4 * WARNING_SIDE, CAPTION_FONT_SIZE, 3) for tile in row] for row in tiles
    ]
    has_warning = any(tile.has_warning for row in tiles for tile in row)
    left, across = MARGIN + ROW_NAME_WIDTH + GAP, TILE_SIDE + GAP
    width = left + len(columns) * across - GAP
    above = wrap_text(head, width - MARGIN, FONT_SIZE, 3)
    top = MARGIN + _height(above, FONT_SIZE) + GAP + max(_height(name, FONT_SIZE) for name in names) + GAP
    down = TILE_SIDE + GAP + max(_height(text, CAPTION_FONT_SIZE) for row in told for text in row)
    height = top + len(rows) * down + (CAPTION_FONT_SIZE * 2 if has_warning else 0)
    paper = Image.new("RGB", (width + MARGIN, height - GAP + MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(paper)
    _write(draw, above, (MARGIN, MARGIN), "la", FONT_SIZE, TEXT_COLOUR)
    for c, name in enumerate(names):
        _write(draw, name, (left + c * across + TILE_SIDE // 2, top - GAP), "md", FONT_SIZE, TEXT_COLOUR)
    for r, row in enumerate(tiles):
        y = top + r * down
        _write(
            draw,
            wrap_text(rows[r], ROW_NAME_WIDTH, FONT_SIZE, 6),
            (MARGIN + ROW_NAME_WIDTH, y + TILE_SIDE // 2),
            "rm",
            FONT_SIZE,
            TEXT_COLOUR,
        )
        for c, tile in enumerate(row):
            x = left + c * across
            _place(paper, draw, tile.content, x, y)
            _tell(draw, told[r][c], tile.has_warning, x + TILE_SIDE // 2, y + TILE_SIDE + GAP // 3)
    if has_warning:
        _tell(draw, [WARNING_LEGEND], True, left + (width - left) // 2, height - GAP - CAPTION_FONT_SIZE)
    file = io.BytesIO()
    paper.save(file, "PNG")
    return file.getvalue()


def wrap_text(text: str, width: int, size: int, most: int) -> list[str]:
    """Return `text` in at most `most` lines no wider than `width` pixels; what is left out becomes “…”."""
    font = ImageFont.load_default(size)
    found = [""]
    for word in text.split():
        joined = f"{found[-1]} {word}".strip()
        if font.getlength(joined) <= width:
            found[-1] = joined
            continue
        if found[-1]:
            found.append("")
        for letter in word:  # a word may be longer than a line, as the dotted names of layers are
            if font.getlength(found[-1] + letter) > width:
                found.append("")
            found[-1] += letter
    return found if len(found) <= most else [*found[: most - 1], f"{found[most - 1][:-1]}…"]


def _place(paper: Image.Image, draw: ImageDraw.ImageDraw, cell: bytes | str, left: int, top: int) -> None:
    draw.rectangle((left, top, left + TILE_SIDE - 1, top + TILE_SIDE - 1), fill=TILE_BACKGROUND)
    if isinstance(cell, str):
        middle = (left + TILE_SIDE // 2, top + TILE_SIDE // 2)
        _write(
            draw,
            wrap_text(cell, TILE_SIDE - 2 * GAP, CAPTION_FONT_SIZE, 12),
            middle,
            "mm",
            CAPTION_FONT_SIZE,
            CAPTION_COLOUR,
        )
        return
    image = Image.open(io.BytesIO(cell)).convert("RGB")
    scale = TILE_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS)
    paper.paste(image, (left + (TILE_SIDE - size[0]) // 2, top + (TILE_SIDE - size[1]) // 2))


def _height(text: Sequence[str], size: int) -> int:
    return size * 5 // 4 * len(text) if any(text) else 0


def _tell(draw: ImageDraw.ImageDraw, text: Sequence[str], has_warning: bool, middle: int, top: int) -> None:
    """Write words below a picture, with a sign to the left of their first line where they warn."""
    _write(draw, text, (middle, top), "ma", CAPTION_FONT_SIZE, CAPTION_COLOUR)
    if has_warning:
        left = middle - round(ImageFont.load_default(CAPTION_FONT_SIZE).getlength(text[0]) / 2) - WARNING_SIDE * 3 // 2
        foot = top + CAPTION_FONT_SIZE
        draw.polygon(
            [(left, foot), (left + WARNING_SIDE, foot), (left + WARNING_SIDE // 2, foot - WARNING_SIDE)],
            fill=WARNING_COLOUR,
        )


def _write(
    draw: ImageDraw.ImageDraw, text: Sequence[str], at: tuple[int, int], anchor: str, size: int, colour: str
) -> None:
    draw.multiline_text(
        at,
        "\n".join(text),
        colour,
        ImageFont.load_default(size),
        anchor,
        align={"l": "left", "m": "center", "r": "right"}[anchor[0]],
        spacing=size // 4,
    )
