"""A matrix of pictures: the request of each cell, made from one base request, and files of the whole matrix."""

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
from mirror_app.params import TARGET, Value
from mirror_app.visualisations import registry


@dataclass(frozen=True)
class Axis:
    """The rows or the columns of a matrix: the field of a request that they change, and the values with their names."""

    field: str
    values: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: a request, with its raw numbers and its picture.

    Args:
        row: The number of the row, from 0.
        column: The number of the column, from 0.
        request: The request of the cell.
        raw: The raw numbers, (N, h, w) or (N, C, h, w); None if they could not be computed.
        picture: The picture, a PNG file; None if there is none.
        message: Why there is no picture.
        vmax: The magnitude that is shown in full colour; None if the picture has its own scale.
        caption: The target and its probability.
        note: A caution about the picture.
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
    """Return a request with some of its fields changed.

    If the visualisation changes, its parameters get their defaults. Only the target of `base` is kept, if the new
    visualisation has a target.

    Args:
        base: The request to start from.
        changes: The new values, by the names of the fields.

    Raises:
        MirrorError: The new visualisation is unknown.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.matrix import with_changes
        >>> base = Request("shapes", "checked-heart", "features", "grad-cam", (("signed", True), ("target_class", 3)))
        >>> with_changes(base, {"visualisation": "layer-cam"}).params
        (('target_class', 3),)
    """
    request = replace(base, **changes)
    if request.visualisation == base.visualisation:
        return request
    entry = registry.get(request.visualisation)
    params = tuple((name, value) for name, value in base.params if entry.takes_target and name == TARGET)
    return replace(request, params=params)


def corresponding_layer(
    layer: str, model_layers: Sequence[Layer], other_layers: Sequence[Layer], before_last: bool = False
) -> str:
    """Return the layer of another model that corresponds to a layer of this model.

    Args:
        layer: The dotted name of a layer of this model, or "*".
        model_layers: The layers of this model, as `engine.tree` returns them.
        other_layers: The layers of the other model.
        before_last: As in `layers.default_layer`.

    Returns:
        The layer with the same name. If there is none, or if `layer` is the default layer of this model, the default
        layer of the other model.
    """
    default, other_default = (layers.default_layer(tree, before_last) for tree in (model_layers, other_layers))
    other_names = {other.name for other in other_layers}
    return layer if layer == layers.EVERY or (layer != default and layer in other_names) else other_default


def corresponding_target(target: Value, classes: Sequence[str], other_classes: Sequence[str]) -> Value:
    """Return the target for another model that corresponds to a target for this model.

    Args:
        target: A target for this model. If it is the number of a class, the other model's class with the same name is
            returned, or None (the most likely class) if there is none. Other targets are returned as they are.
        classes: The names of this model's classes.
        other_classes: The names of the other model's classes.

    Example:
        >>> from mirror_app.export.matrix import corresponding_target
        >>> corresponding_target(1, ["cat", "dog"], ["fish", "cat", "dog"])
        2
    """
    if not isinstance(target, int) or classes == other_classes:
        return target
    name = classes[target] if target < len(classes) else None
    return other_classes.index(name) if name in other_classes else None


def picture(cells: Sequence[Cell], rows: Axis, columns: Axis, title: str) -> bytes:
    """Return a matrix as one PNG file, with the names of rows and columns, and `title` above."""
    tiles = [[Tile("") for _ in columns.names] for _ in rows.names]
    for cell in cells:
        tiles[cell.row][cell.column] = Tile(cell.picture or cell.message, cell.caption, bool(cell.note))
    return draw_figure(tiles, rows.names, columns.names, title)


def archive(cells: Sequence[Cell], rows: Axis, columns: Axis, title: str) -> bytes:
    """Return a matrix as a ZIP file.

    It holds the whole matrix as `matrix.png`, the picture (PNG) and the raw numbers (NPY) of each cell, and
    `matrix.json` with the request of each cell.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zip_file:
        zip_file.writestr("matrix.png", picture(cells, rows, columns, title))
        records = []
        for cell in cells:
            row, column = rows.names[cell.row], columns.names[cell.column]
            stem = f"{cell.row + 1}-{cell.column + 1} {filename_part(row)} {filename_part(column)}"
            record: dict[str, Any] = {"row": row, "column": column, "request": cell.request.to_json()}
            if cell.picture is not None:
                zip_file.writestr(f"{stem}.png", cell.picture)
                record |= {"picture": f"{stem}.png", "vmax": cell.vmax}
            if cell.raw is not None:
                zip_file.writestr(f"{stem}.npy", package.npy(cell.raw))
                record["raw"] = f"{stem}.npy"
            record |= {name: text for name in ("message", "caption", "note") if (text := getattr(cell, name))}
            records.append(record)
        summary = {"rows": asdict(rows), "columns": asdict(columns), "cells": records}
        zip_file.writestr("matrix.json", json.dumps(summary, indent=2, ensure_ascii=False))
    return file.getvalue()


def filename_part(name: str) -> str:
    """Return `name` as a part of a file name that is valid on any system.

    It keeps letters, digits, underscores, dots and dashes, and has at most 60 characters.

    Example:
        >>> from mirror_app.export.matrix import filename_part
        >>> filename_part("../tabby cat?")
        'tabby-cat'
    """
    return re.sub(r"[^\w.]+", "-", name)[:60].strip("-.") or "model"
