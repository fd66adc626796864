"""Pictures in rows and columns as one picture, with the names of both, in Pillow's own letters."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, MARGIN = 224, 12, 24  # pixels
LETTERS, SMALL = 16, 12
NAMES = 148  # the width of the names of the rows
PAPER, INK, QUIET, GROUND, ORANGE = "#ffffff", "#221d33", "#746f85", "#f1eff6", "#c2570c"
SIGN = 10  # the side of the sign that warns
WARNED = "Read with care: Mirror's page says why."


@dataclass(frozen=True)
class Tile:
    """A PNG file, or the sentence that stands in its place; the words below it, and whether a sign there warns."""

    shown: bytes | str
    below: str = ""
    warned: bool = False


def poster(tiles: Sequence[Sequence[Tile]], rows: Sequence[str], columns: Sequence[str], head: str) -> bytes:
    """Return a PNG file of `tiles`, row after row, with the names of rows and columns, and the line `head` above."""
    names = [lines(name, SIDE, LETTERS, 3) for name in columns]
    told = [[lines(tile.below, SIDE - 4 * SIGN, SMALL, 3) for tile in row] for row in tiles]
    warned = any(tile.warned for row in tiles for tile in row)
    left, across = MARGIN + NAMES + GAP, SIDE + GAP
    width = left + len(columns) * across - GAP
    above = lines(head, width - MARGIN, LETTERS, 3)
    top = MARGIN + _height(above, LETTERS) + GAP + max(_height(name, LETTERS) for name in names) + GAP
    down = SIDE + GAP + max(_height(text, SMALL) for row in told for text in row)
    height = top + len(rows) * down + (SMALL * 2 if warned else 0)
    paper = Image.new("RGB", (width + MARGIN, height - GAP + MARGIN), PAPER)
    draw = ImageDraw.Draw(paper)
    _write(draw, above, (MARGIN, MARGIN), "la", LETTERS, INK)
    for c, name in enumerate(names):
        _write(draw, name, (left + c * across + SIDE // 2, top - GAP), "md", LETTERS, INK)
    for r, row in enumerate(tiles):
        y = top + r * down
        _write(draw, lines(rows[r], NAMES, LETTERS, 6), (MARGIN + NAMES, y + SIDE // 2), "rm", LETTERS, INK)
        for c, tile in enumerate(row):
            x = left + c * across
            _place(paper, draw, tile.shown, x, y)
            _tell(draw, told[r][c], tile.warned, x + SIDE // 2, y + SIDE + GAP // 3)
    if warned:
        _tell(draw, [WARNED], True, left + (width - left) // 2, height - GAP - SMALL)
    file = io.BytesIO()
    paper.save(file, "PNG")
    return file.getvalue()


def lines(text: str, width: int, size: int, most: int) -> list[str]:
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
    draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), fill=GROUND)
    if isinstance(cell, str):
        middle = (left + SIDE // 2, top + SIDE // 2)
        _write(draw, lines(cell, SIDE - 2 * GAP, SMALL, 12), middle, "mm", SMALL, QUIET)
        return
    image = Image.open(io.BytesIO(cell)).convert("RGB")
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS)
    paper.paste(image, (left + (SIDE - size[0]) // 2, top + (SIDE - size[1]) // 2))


def _height(text: Sequence[str], size: int) -> int:
    return size * 5 // 4 * len(text) if any(text) else 0


def _tell(draw: ImageDraw.ImageDraw, text: Sequence[str], warned: bool, middle: int, top: int) -> None:
    """Write words below a picture, with a sign to the left of their first line where they warn."""
    _write(draw, text, (middle, top), "ma", SMALL, QUIET)
    if warned:
        left = middle - round(ImageFont.load_default(SMALL).getlength(text[0]) / 2) - SIGN * 3 // 2
        foot = top + SMALL
        draw.polygon([(left, foot), (left + SIGN, foot), (left + SIGN // 2, foot - SIGN)], fill=ORANGE)


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
