"""Runs requests: computes their frames and results, and draws their images."""

from mirror_app.engine.engine import Result, frames, run, without_render_params
from mirror_app.engine.inspection import costs, flow, tree
from mirror_app.engine.prediction import Prediction, predict
from mirror_app.engine.rendering import COLUMNS, PAGE, TILE, Sheet, hint, legend, order, render_images, sheet, vmax

__all__ = [
    "COLUMNS",
    "PAGE",
    "TILE",
    "Prediction",
    "Result",
    "Sheet",
    "costs",
    "flow",
    "frames",
    "hint",
    "legend",
    "order",
    "predict",
    "render_images",
    "run",
    "sheet",
    "tree",
    "vmax",
    "without_render_params",
]  # fmt: skip
