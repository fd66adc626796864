"""Runs a request: its frames, its result, and what is drawn of it."""

from mirror_app.engine.engine import Result, computed, frames, run
from mirror_app.engine.inspection import costs, flow, tree
from mirror_app.engine.painting import COLUMNS, PAGE, TILE, Sheet, legend, paint, sheet, vmax
from mirror_app.engine.prediction import Prediction, predict

__all__ = [
    "COLUMNS",
    "PAGE",
    "TILE",
    "Prediction",
    "Result",
    "Sheet",
    "computed",
    "costs",
    "flow",
    "frames",
    "legend",
    "paint",
    "predict",
    "run",
    "sheet",
    "tree",
    "vmax",
]  # fmt: skip
