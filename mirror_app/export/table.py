"""A table as a CSV file that a spreadsheet can open without running what is in it."""

import csv
import io
from collections.abc import Mapping, Sequence

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet take a text for a formula


def csv_file(rows: Sequence[Mapping[str, str | float | None]]) -> bytes:
    """Return a table as a CSV file in UTF-8.

    Args:
        rows: The rows, with the same columns each. A text that a spreadsheet would take for a formula gets an
            apostrophe in front of it; numbers stay as they are.

    Returns:
        The content of the file; its first line has the names of the columns.

    Example:
        >>> from mirror_app.export.table import csv_file
        >>> csv_file([{"name": "=1+1", "probability": -0.5}]).decode().splitlines()
        ['name,probability', "'=1+1,-0.5"]
    """
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    return file.getvalue().encode()


def _safe(value: str | float | None) -> str | float | None:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
