"""Checks of what components report: a visitor can send anything in its place."""


def index_below(count: int, reported: object) -> int | None:
    """Return the reported index, or None if it is not a whole number from 0 to `count` - 1.

    Example:
        >>> from mirror_app.ui.components.reported import index_below
        >>> index_below(3, 2), index_below(3, 3), index_below(3, "2")
        (2, None, None)
    """
    return reported if type(reported) is int and 0 <= reported < count else None


def cell_within(rows: int, columns: int, reported: object) -> tuple[int, int] | None:
    """Return the reported cell (row, column), or None if there is no such cell.

    Example:
        >>> from mirror_app.ui.components.reported import cell_within
        >>> cell_within(2, 3, [1, 2]), cell_within(2, 3, [2, 1]), cell_within(2, 3, None)
        ((1, 2), None, None)
    """
    if not isinstance(reported, list | tuple) or len(reported) != 2:
        return None
    row, column = index_below(rows, reported[0]), index_below(columns, reported[1])
    return None if row is None or column is None else (row, column)
