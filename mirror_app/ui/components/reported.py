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


def rectangle_within(rows: int, columns: int, reported: object) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the first and last row, and the first and last column, of the reported rectangle, or None.

    Example:
        >>> from mirror_app.ui.components.reported import rectangle_within
        >>> rectangle_within(4, 6, [1, 2, 0, 5]), rectangle_within(4, 6, [2, 1, 0, 5])
        (((1, 2), (0, 5)), None)
    """
    if not isinstance(reported, list | tuple) or len(reported) != 4:
        return None
    top, bottom = (index_below(rows, number) for number in reported[:2])
    left, right = (index_below(columns, number) for number in reported[2:])
    if top is None or bottom is None or left is None or right is None or top > bottom or left > right:
        return None
    return (top, bottom), (left, right)
