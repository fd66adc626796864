"""Pictures in rows and columns, as files: one large picture with their names, and an archive of all."""

import io
import json
import re
import textwrap
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mirror_app import files
from mirror_app.request import Request

SIDE, GAP, NAMES = 176, 10, 150  # pixels: of a cell, between cells, for the names of the rows
_INK, _PAPER, _SHADE = "#221d33", "#ffffff", "#f0eef6"
_LINE = 18  # characters of a name


@dataclass(frozen=True)
class Cell:
    """What one request gave: its picture as a PNG file, if it has one, and its raw numbers, or why there are none."""

    request: Request
    png: bytes = b""
    raw: np.ndarray | None = None
    refusal: str = ""


Cells = Mapping[tuple[str, str], Cell]  # by the names of row and column


def drawn(rows: Sequence[str], columns: Sequence[str], cells: Cells) -> bytes:
    """Return all pictures as one PNG file, with the names of rows and columns; what is refused stays empty."""
    top = 3 * GAP + 3 * 16
    size = (NAMES + len(columns) * (SIDE + GAP) + GAP, top + len(rows) * (SIDE + GAP))
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    for across, column in enumerate(columns):
        place = (NAMES + across * (SIDE + GAP) + SIDE / 2, top - GAP)
        _write(pen, place, column, anchor="md")
    for down, row in enumerate(rows):
        _write(pen, (GAP, top + down * (SIDE + GAP) + SIDE / 2), row, anchor="lm")
        for across, column in enumerate(columns):
            corner = (NAMES + across * (SIDE + GAP), top + down * (SIDE + GAP))
            sheet.paste(_square(cells[row, column]), corner)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def package(rows: Sequence[str], columns: Sequence[str], cells: Cells) -> bytes:
    """Return a ZIP file: the large picture, each cell's picture and raw numbers, and `matrix.json` with the requests.

    In `matrix.json` each cell has its `row`, `column`, `request`, the name of its files, or the `refusal`.
    """
    file = io.BytesIO()
    told = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("matrix.png", drawn(rows, columns, cells))
        for number, ((row, column), cell) in enumerate(cells.items(), 1):
            name = f"{number:02} {_plain(row)} {_plain(column)}"
            if cell.png:
                archive.writestr(f"{name}.png", cell.png)
            if cell.raw is not None:
                archive.writestr(f"{name}.npy", files.npy(cell.raw))
            said = {**asdict(cell.request), "params": dict(cell.request.params)}
            end = {"refusal": cell.refusal} if cell.refusal else {"files": name}
            told.append({"row": row, "column": column, "request": said, **end})
        archive.writestr("matrix.json", json.dumps(told, indent=2))
    return file.getvalue()


def _write(pen: ImageDraw.ImageDraw, place: tuple[float, float], name: str, anchor: str) -> None:
    text = "\n".join(textwrap.wrap(name, _LINE)[:3])
    align = "left" if anchor[0] == "l" else "center"
    pen.multiline_text(place, text, _INK, ImageFont.load_default(14), anchor=anchor, align=align)


def _square(cell: Cell) -> Image.Image:
    square = Image.new("RGB", (SIDE, SIDE), _SHADE)
    if cell.png:
        with Image.open(io.BytesIO(cell.png)) as picture:
            fitted = ImageOps.contain(picture.convert("RGB"), (SIDE, SIDE))
        square.paste(fitted, ((SIDE - fitted.width) // 2, (SIDE - fitted.height) // 2))
    return square


def _plain(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:40] or "model"
