"""Pictures in rows and columns as one picture, with the names of both, in Pillow's own letters."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, MARGIN = 224, 12, 24  # pixels
LETTERS, SMALL = 16, 12
NAMES = 148  # the width of the names of the rows
PAPER, INK, QUIET, GROUND = "#ffffff", "#221d33", "#746f85", "#f1eff6"

Grid = Sequence[Sequence[bytes | str]]


def poster(cells: Grid, rows: Sequence[str], columns: Sequence[str]) -> bytes:
    """Return a PNG file of `cells`, row after row, each a PNG file or the sentence that stands in its place."""
    heads = [lines(name, SIDE, LETTERS, 3) for name in columns]
    left, top = MARGIN + NAMES + GAP, MARGIN + LETTERS * 5 // 4 * max(map(len, heads)) + GAP
    width, height = left + len(columns) * (SIDE + GAP), top + len(rows) * (SIDE + GAP)
    paper = Image.new("RGB", (width - GAP + MARGIN, height - GAP + MARGIN), PAPER)
    draw = ImageDraw.Draw(paper)
    for c, head in enumerate(heads):
        _write(draw, head, (left + c * (SIDE + GAP) + SIDE // 2, top - GAP), "md", LETTERS, INK)
    for r, row in enumerate(cells):
        middle = top + r * (SIDE + GAP) + SIDE // 2
        _write(draw, lines(rows[r], NAMES, LETTERS, 6), (MARGIN + NAMES, middle), "rm", LETTERS, INK)
        for c, cell in enumerate(row):
            _place(paper, draw, cell, left + c * (SIDE + GAP), top + r * (SIDE + GAP))
    file = io.BytesIO()
    paper.save(file, "PNG")
    return file.getvalue()


def lines(text: str, width: int, size: int, most: int) -> list[str]:
    """Return `text` in at most `most` lines no wider than `width` pixels; what is left out becomes «…»."""
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


def _write(
    draw: ImageDraw.ImageDraw, text: Sequence[str], at: tuple[int, int], anchor: str, size: int, colour: str
) -> None:
    draw.multiline_text(
        at,
        "\n".join(text),
        colour,
        ImageFont.load_default(size),
        anchor,
        align={"m": "center", "r": "right"}[anchor[0]],
        spacing=size // 4,
    )
