"""How the Compare page arranges its pictures: the rows, the columns, and which pictures share a scale."""

from collections.abc import Iterable
from dataclasses import dataclass

from mirror_app.export.matrix import Axis
from mirror_app.render import Legend
from mirror_app.ui.compare.cell_state import CellState

OWN, ROW, COLUMN, ONE = "own", "row", "column", "one"  # the scales, as links hold them


@dataclass(frozen=True)
class Arrangement:
    """The rows, the columns, the scale, and whether the inputs are shown as the first row or column."""

    rows: Axis
    columns: Axis
    scale: str
    shows_inputs: bool

    @property
    def input_axis(self) -> Axis | None:
        """The axis whose inputs are shown as pictures, if any."""
        axes = (self.columns, self.rows) if self.shows_inputs else ()
        return next((axis for axis in axes if axis.field == "input"), None)

    def group(self, cell: CellState) -> int | None:
        """Return the number of the group of cells that share a scale with `cell`; None if it has its own scale."""
        return {ROW: cell.row, COLUMN: cell.column, ONE: 0}.get(self.scale)

    def vmax(self, cell: CellState, cells: Iterable[CellState]) -> float | None:
        """Return the magnitude at full brightness in the group of `cell`; None if the cell has its own scale."""
        if cell.own_vmax is None or self.group(cell) is None:
            return None
        group = (other.own_vmax for other in cells if self.group(other) == self.group(cell))
        return max(vmax for vmax in group if vmax is not None)

    def legends(self, number: int, cells: Iterable[CellState]) -> list[Legend]:
        """Return the colour bars of a group of cells: one, unless the group contains methods with other colours."""
        return list(dict.fromkeys(cell.legend for cell in cells if cell.legend and self.group(cell) == number))


def scales_for(rows: Axis, columns: Axis) -> tuple[list[str], str]:
    """Return the scales to choose from, and the default.

    Different methods measure different things, so the pictures of one method may share a scale: those of each column if
    the columns are methods, otherwise those of each row. This is the default if a method is shown for several inputs or
    targets. Across layers and models, magnitudes can differ so much that all but one picture would be dark.
    """
    fields = rows.field, columns.field
    shared = COLUMN if columns.field == "visualisation" else ROW
    is_default = "visualisation" in fields and not {"layer", "model"} & set(fields)
    return [OWN, shared, ONE], shared if is_default else OWN
