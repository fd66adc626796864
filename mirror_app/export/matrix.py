"""A matrix of pictures: how the request of each cell follows from one request, and the files that keep them all."""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mirror_app import layers
from mirror_app.engine.request import Request
from mirror_app.export import package
from mirror_app.export.figure import Tile, draw_figure
from mirror_app.layers import Layer
from mirror_app.params import ClassPicker, Value
from mirror_app.visualisations import registry

TARGET = "target_class"


@dataclass(frozen=True)
class Axis:
    """A side of the matrix: the field of a request that it changes, to which values, and what those are called."""

    field: str
    values: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """What stands in a row and a column, numbers from 0: a request with its raw numbers and its picture, a PNG file.

    `message` says why there is no picture. `vmax` is the magnitude shown at full brightness, None if the picture has
    its own scale. `caption` is the target with its probability; `note` is a caution about the picture.
    """

    row: int
    column: int
    request: Request
    raw: np.ndarray | None = None
    picture: bytes | None = None
    message: str = ""
    vmax: float | None = None
    caption: str = ""
    note: str = ""


def with_changes(base: Request, changes: Mapping[str, Any]) -> Request:
    """Return `base` with the fields that `changes` names.

    Another visualisation has its defaults, and the target of `base` where it takes one; raises MirrorError.
    """
    request = replace(base, **changes)
    if request.visualisation == base.visualisation:
        return request
    entry = registry.get(request.visualisation)
    taken = isinstance(entry.params.get(TARGET), ClassPicker)
    return replace(request, params=tuple((name, value) for name, value in base.params if taken and name == TARGET))


def corresponding_layer(layer: str, here: Sequence[Layer], there: Sequence[Layer], before_last: bool = False) -> str:
    """Return the layer of one model, with layers `there`, that stands for `layer` of another, with layers `here`.

    It is the one of that name. Where there is none, and for the layer to look at first, it is the one to look at first:
    `before_last` is as in `layers.default_layer`.
    """
    first, first_there = (layers.default_layer(listed, before_last) for listed in (here, there))
    return layer if layer == layers.EVERY or (layer != first and layer in {one.name for one in there}) else first_there


def corresponding_target(target: Value, here: Sequence[str], there: Sequence[str]) -> Value:
    """Return the target for a model with the classes `there` that is `target` for one with the classes `here`.

    A class is the one of that name, None (the most likely one) where there is none; all else stays.
    """
    if not isinstance(target, int) or here == there:
        return target
    name = here[target] if target < len(here) else None
    return there.index(name) if name in there else None


def picture(cells: Sequence[Cell], rows: Axis, columns: Axis, head: str) -> bytes:
    """Return the matrix as one PNG file, with the names of rows and columns, and above all of it the line `head`."""
    shown = [[Tile("") for _ in columns.names] for _ in rows.names]
    for cell in cells:
        shown[cell.row][cell.column] = Tile(cell.picture or cell.message, cell.caption, bool(cell.note))
    return draw_figure(shown, rows.names, columns.names, head)


def archive(cells: Sequence[Cell], rows: Axis, columns: Axis, head: str) -> bytes:
    """Return a ZIP file: the matrix, each cell's picture and raw numbers, and in `matrix.json` the request of each."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as kept:
        kept.writestr("matrix.png", picture(cells, rows, columns, head))
        listed = []
        for cell in cells:
            row, column = rows.names[cell.row], columns.names[cell.column]
            stem = f"{cell.row + 1}-{cell.column + 1} {filename_part(row)} {filename_part(column)}"
            record: dict[str, Any] = {"row": row, "column": column, "request": to_json(cell.request)}
            if cell.picture is not None:
                kept.writestr(f"{stem}.png", cell.picture)
                record |= {"picture": f"{stem}.png", "vmax": cell.vmax}
            if cell.raw is not None:
                kept.writestr(f"{stem}.npy", package.npy(cell.raw))
                record["raw"] = f"{stem}.npy"
            record |= {name: text for name in ("message", "caption", "note") if (text := getattr(cell, name))}
            listed.append(record)
        whole = {"rows": asdict(rows), "columns": asdict(columns), "cells": listed}
        kept.writestr("matrix.json", json.dumps(whole, indent=2, ensure_ascii=False))
    return file.getvalue()


def to_json(request: Request) -> dict[str, Any]:
    """Return `request` as JSON has it; `from_json` reads it back."""
    return {**asdict(request), "params": dict(request.params)}


def from_json(record: Mapping[str, Any]) -> Request:
    """Return the request that `to_json` wrote."""
    return Request(**{**record, "params": tuple(record["params"].items())})


def filename_part(name: str) -> str:
    """Return `name` as a part of a file's name on any system: letters, digits, dots and dashes, at most 60."""
    return re.sub(r"[^\w.]+", "-", name)[:60].strip("-.") or "model"
