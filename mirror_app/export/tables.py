"""Writes raw numbers for other programs: as named arrays (NPZ), or as a table with one number in each row (CSV)."""

import csv
import io
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export.package import record_json

MAX_CSV_VALUES = 1_000_000  # about 20 MB, which take three seconds
_AXES = {1: ("number",), 2: ("row", "column"), 3: ("channel", "row", "column")}


def npz(request: Request, raw: np.ndarray, info: Mapping[str, Any], model_input_rgb: np.ndarray) -> bytes:
    """Return the raw numbers of a request and what belongs to them as a file for `numpy.load`.

    Args:
        request: The request.
        raw: The raw numbers of the request, `Result.raw`.
        info: The facts about the result, `Result.info`.
        model_input_rgb: The picture as the model receives it, uint8 (H, W, 3).

    Returns:
        A compressed NPZ file with the arrays `raw`, `input` and `info`. The last one is a text in JSON, which holds the
        request, the explained target and the other facts about the result.

    Example:
        >>> import io
        >>> import numpy as np
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.tables import npz
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam")
        >>> file = npz(request, np.ones((1, 4, 4)), {"target_class": [3]}, np.zeros((8, 8, 3), np.uint8))
        >>> np.load(io.BytesIO(file)).files
        ['raw', 'input', 'info']
    """
    file = io.BytesIO()
    np.savez_compressed(file, raw=raw, input=model_input_rgb, info=np.array(record_json(request, info)))
    return file.getvalue()


def csv_table(raw: np.ndarray) -> bytes:
    """Return raw numbers as a CSV file, in which each line has a number after its position.

    Args:
        raw: The raw numbers of a request, `Result.raw`.

    Returns:
        The file in UTF-8. The first line names the columns: "row,column,value" for a map, "channel,row,column,value"
        for several maps, "number,value" for a vector. Positions count from 0. If there are several items, their number
        comes first, as "item". Reading a value back gives the same number, bit for bit.

    Raises:
        MirrorError: If there are more than `MAX_CSV_VALUES` numbers.

    Example:
        >>> import numpy as np
        >>> from mirror_app.export.tables import csv_table
        >>> csv_table(np.array([[[0.5, -1.0]]])).decode().split()
        ['row,column,value', '0,0,0.5', '0,1,-1.0']
    """
    if problem := csv_problem(raw):
        raise MirrorError(problem, culprit=f"{raw.size:,} values", hint="write an .npz file")
    values = raw[0] if len(raw) == 1 else raw
    if raw.ndim == 4 and raw.shape[:2] == (1, 1):  # a single channel
        values = values[0]
    axes = _AXES[values.ndim] if len(raw) == 1 else ("item", *_AXES[values.ndim - 1])
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*axes, "value"])
    for position in product(*map(range, values.shape[:-1])):
        texts = values[position].astype(str)  # the shortest texts that give the same numbers
        writer.writerows([*position, last, text] for last, text in enumerate(texts))
    return file.getvalue().encode()


def csv_problem(raw: np.ndarray) -> str:
    """Return why raw numbers cannot be written as CSV, or "" if they can."""
    if raw.size <= MAX_CSV_VALUES:
        return ""
    return f"{raw.size:,} values are too many for a CSV file (at most {MAX_CSV_VALUES:,})"
