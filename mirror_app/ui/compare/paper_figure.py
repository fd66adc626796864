"""The matrix of pictures as a figure for a paper."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from mirror_app import targets
from mirror_app.export import matrix, paper
from mirror_app.export.matrix import BY_TARGET, Axis
from mirror_app.params import TARGET
from mirror_app.ui.common import figure_dialog
from mirror_app.ui.store import Selection

FileCells = Callable[[], Sequence[matrix.Cell]]


def offer(base: Selection, file_cells: FileCells, rows: Axis, columns: Axis, common: Mapping[str, str]) -> None:
    """Offer the matrix as a figure for a paper; `common` has the names of the fields that all cells have in common."""
    figure_dialog.offer("matrix", partial(_figure, base, file_cells, rows, columns, common))


def _figure(
    base: Selection, file_cells: FileCells, rows: Axis, columns: Axis, common: Mapping[str, str]
) -> tuple[paper.PaperFigure, str]:
    cells = file_cells()
    value = base.values.get(TARGET) if BY_TARGET not in (rows.field, columns.field) else None
    target = "" if value is None else targets.from_value(value).described(base.model.name_of)
    has_layer = bool(base.request.layer) and (base.entry.kind.uses_layer or "visualisation" not in common)
    fields = {name: text for name, text in common.items() if has_layer or name != "layer"}
    return paper.figure_of_matrix(cells, rows, columns), paper.caption_of_matrix(cells, rows, columns, fields, target)
