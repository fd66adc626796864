"""Figures of results: a picture beside its input, or a matrix of pictures."""

from collections.abc import Sequence

import numpy as np

from mirror_app import engine, render
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export.figure import Tile
from mirror_app.export.matrix import Axis, Cell
from mirror_app.export.paper.content import PaperFigure
from mirror_app.render import Legend
from mirror_app.visualisations import registry

INPUT = "Input"


def figure_of_picture(
    request: Request,
    raw: np.ndarray,
    model_input_rgb: np.ndarray,
    caption: str = "",
    stages: Sequence[str] = (),
    note: str = "",
) -> PaperFigure:
    """Return a figure with the input, the picture of a request beside it, and its colour bar.

    Many images are shown as a sheet with the first 64. The input is left out if the method does not use it.

    Args:
        request: The request.
        raw: The raw numbers of the request, `Result.raw`.
        model_input_rgb: The picture as the model receives it, uint8 (H, W, 3).
        caption: A line below the picture, such as the target with its probability.
        stages: The names of the layers, if there is a picture for each stage of the network.
        note: A caution about the picture, which gives it a warning sign.

    Raises:
        MirrorError: If the layer gives a vector, which has no picture.

    Example:
        >>> import numpy as np
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.paper import figure_of_picture
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam")
        >>> figure = figure_of_picture(request, np.eye(4, dtype="float32")[None], np.zeros((32, 32, 3), np.uint8))
        >>> figure.columns, len(figure.legends)
        (['Input', 'Grad-CAM'], 1)
    """
    if raw.ndim == 2:
        raise MirrorError(
            f"The layer '{request.layer}' gives {raw.shape[1]} numbers and no picture",
            culprit=request.layer,
            hint="write a .csv file",
        )
    entry = registry.get(request.visualisation)
    if stages:
        sheets = [engine.sheet(request, raw, model_input_rgb, number, 1) for number in range(len(stages))]
    else:
        sheets = [engine.sheet(request, raw, model_input_rgb)]
    has_input = entry.kind.uses_inputs and not entry.kind.starts_from_noise
    tiles = [Tile(render.png(model_input_rgb))] * has_input + [Tile(sheet.png, caption, bool(note)) for sheet in sheets]
    legend = engine.legend(request, raw, engine.vmax(request, raw, model_input_rgb)) if sheets[0].count == 1 else None
    columns = [INPUT] * has_input + list(stages or [entry.name])
    return PaperFigure([tiles], [""], columns, legends=[legend] if legend else [])


def figure_of_matrix(cells: Sequence[Cell], rows: Axis, columns: Axis) -> PaperFigure:
    """Return a figure of a matrix; pictures that share a scale get one colour bar, or one for each row.

    Args:
        cells: The cells.
        rows: The rows.
        columns: The columns.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.matrix import Axis, Cell
        >>> from mirror_app.export.paper import figure_of_matrix
        >>> cell = Cell(0, 0, Request("shapes", "checked-heart", "", "grad-cam"), message="No picture.")
        >>> rows, columns = Axis("model", ("shapes",), ("shapes",)), Axis("input", ("checked-heart",), ("a heart",))
        >>> figure_of_matrix([cell], rows, columns).columns
        ('a heart',)
    """
    tiles = [[Tile("") for _ in columns.names] for _ in rows.names]
    row_legends: list[set[Legend]] = [set() for _ in rows.names]
    for cell in cells:
        tiles[cell.row][cell.column] = Tile(cell.picture or cell.message, cell.caption, bool(cell.note))
        if cell.raw is not None and cell.vmax is not None:
            row_legends[cell.row] |= {legend for legend in [engine.legend(cell.request, cell.raw, cell.vmax)] if legend}
    every = set().union(*row_legends)
    if len(every) <= 1:
        legends: list[Legend | None] = list(every)
    elif all(len(row) <= 1 for row in row_legends):
        legends = [next(iter(row), None) for row in row_legends]
    else:  # the pictures of a row have different colours
        legends = []
    return PaperFigure(tiles, rows.names, columns.names, legends=legends)
