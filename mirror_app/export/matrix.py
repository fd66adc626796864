"""A matrix of pictures: the request of each cell, made from one base request, and files of the whole matrix."""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mirror_app import layers, targets
from mirror_app.engine.request import Request
from mirror_app.export import package
from mirror_app.export.figure import ColourBars, Tile, draw_figure
from mirror_app.layers import Layer
from mirror_app.params import TARGET, Value
from mirror_app.render import Legend
from mirror_app.visualisations import registry

BY_TARGET = "target"  # the field of an axis that changes the target, which is a parameter of most visualisations
INPUT = "Input"  # the name of the row or column that shows the inputs


@dataclass(frozen=True)
class Axis:
    """The rows or the columns of a matrix.

    Args:
        field: The field of a request that they change, or "target" for the target.
        values: The values of the field; targets are in their text form.
        names: The names of the values.
    """

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
        legend: The colour bar of that scale, if there is one.
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
    legend: Legend | None = None
    caption: str = ""
    note: str = ""


def with_changes(base: Request, changes: Mapping[str, Any]) -> Request:
    """Return a request with some of its fields changed.

    If the visualisation changes, its parameters get their defaults. Only the target of `base` is kept, if the new
    visualisation has a target.

    Args:
        base: The request to start from.
        changes: The new values, by the names of the fields. The text form of a target, under "target", is ignored if
            the visualisation has no target.

    Raises:
        MirrorError: The new visualisation is unknown, or the target does not follow the grammar.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.matrix import with_changes
        >>> base = Request("shapes", "checked-heart", "features", "grad-cam", (("signed", True), ("target_class", 3)))
        >>> with_changes(base, {"visualisation": "layer-cam"}).params
        (('target_class', 3),)
        >>> with_changes(base, {"visualisation": "layer-cam", "target": "3 - 5"}).params
        (('target_class', '3 - 5'),)
    """
    request = replace(base, **{name: value for name, value in changes.items() if name != BY_TARGET})
    if request.visualisation == base.visualisation and BY_TARGET not in changes:
        return request
    entry = registry.get(request.visualisation)
    params = dict(base.params)
    if request.visualisation != base.visualisation:
        params = {name: value for name, value in base.params if entry.takes_target and name == TARGET}
    if BY_TARGET in changes and entry.takes_target:
        params[TARGET] = entry.parse(TARGET, changes[BY_TARGET])
    return replace(request, params=tuple(sorted(params.items())))


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
        target: A target for this model. Classes, also those in a difference, become the other model's classes with
            the same names. If it lacks one of them, None (the most likely class) is returned. Other targets are
            returned as they are.
        classes: The names of this model's classes.
        other_classes: The names of the other model's classes.

    Example:
        >>> from mirror_app.export.matrix import corresponding_target
        >>> corresponding_target(1, ["cat", "dog"], ["fish", "cat", "dog"])
        2
        >>> corresponding_target("1 - 0", ["cat", "dog"], ["fish", "cat", "dog"])
        '2 - 1'
    """
    if not isinstance(target, int | str) or list(classes) == list(other_classes):
        return target
    parsed = targets.from_value(target)
    if not parsed.is_class_score:
        return target
    numbers = [number for number in (parsed.channel, parsed.minus) if number is not None]
    names = [classes[number] if number < len(classes) else None for number in numbers]
    if any(name not in other_classes for name in names):
        return None
    channel, minus = ([other_classes.index(str(name)) for name in names] + [None])[:2]
    translated = replace(parsed, channel=channel, minus=minus)
    return translated.channel if translated.is_class else str(translated)


def picture(
    cells: Sequence[Cell],
    rows: Axis,
    columns: Axis,
    title: str,
    scale: str = "own",
    inputs: Sequence[bytes | str] = (),
) -> bytes:
    """Return a matrix as one PNG file.

    Args:
        cells: The cells.
        rows: The rows.
        columns: The columns.
        title: A line above the figure.
        scale: The pictures that share a scale, whose colour bar is drawn: those of each "row" or "column", or all
            ("one"). With "own", each picture has its own scale, and there are no colour bars.
        inputs: If the columns or the rows are inputs, their PNG files, shown as the first row or column. A sentence
            stands for a missing file.
    """
    tiles = [[Tile("") for _ in columns.names] for _ in rows.names]
    for cell in cells:
        tiles[cell.row][cell.column] = Tile(cell.picture or cell.message, cell.caption, bool(cell.note))
    row_names, column_names, bars = list(rows.names), list(columns.names), _colour_bars(cells, rows, columns, scale)
    input_tiles = [Tile(png) for png in inputs]
    if input_tiles and columns.field == "input":
        tiles.insert(0, input_tiles)
        row_names.insert(0, INPUT)
        bars = replace(bars, rows=(None, *bars.rows))
    elif input_tiles:
        tiles = [[tile, *row] for tile, row in zip(input_tiles, tiles, strict=True)]
        column_names.insert(0, INPUT)
        bars = replace(bars, columns=(None, *bars.columns))
    return draw_figure(tiles, row_names, column_names, title, bars)


def _colour_bars(cells: Sequence[Cell], rows: Axis, columns: Axis, scale: str) -> ColourBars:
    """Return the colour bars of the scales that pictures share."""

    def of(axis: Axis, name: str) -> list[Legend | None]:
        legends = {getattr(cell, name): cell.legend for cell in cells if cell.legend}
        return [legends.get(number) for number in range(len(axis.names))] if scale == name else []

    shared = dict.fromkeys(cell.legend for cell in cells if cell.legend and scale == "one")
    return ColourBars(of(rows, "row"), of(columns, "column"), list(shared))


def archive(
    cells: Sequence[Cell],
    rows: Axis,
    columns: Axis,
    title: str,
    scale: str = "own",
    inputs: Sequence[bytes | str] = (),
) -> bytes:
    """Return a matrix as a ZIP file, with the arguments of `picture`.

    It holds the whole matrix as `matrix.png`, the picture (PNG) and the raw numbers (NPY) of each cell, the inputs
    (PNG), and `matrix.json` with the request of each cell.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zip_file:
        zip_file.writestr("matrix.png", picture(cells, rows, columns, title, scale, inputs))
        input_names = (columns if columns.field == "input" else rows).names
        for number, (name, png) in enumerate(zip(input_names, inputs, strict=False), 1):
            if isinstance(png, bytes):
                zip_file.writestr(f"input {number} {filename_part(name)}.png", png)
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
        summary = {"rows": asdict(rows), "columns": asdict(columns), "scale": scale, "cells": records}
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
