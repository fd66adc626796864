"""Models, results and pictures, cached between reruns and shared by all visitors; and background runs."""

from mirror_app.ui.store.computations import close
from mirror_app.ui.store.figures import figure_preview
from mirror_app.ui.store.models import fetch, is_loaded, model
from mirror_app.ui.store.pictures import (
    SQUARE_SIDE,
    STRIP_COLUMNS,
    band_sheet,
    decoded,
    input_png,
    model_input_rgb,
    sheet,
    strip,
    take_upload,
    thumbnail,
    vmax,
)
from mirror_app.ui.store.result_store import OnProgress
from mirror_app.ui.store.results import cached_result, prediction, result, run_slot, store_result, text_likelihoods
from mirror_app.ui.store.selection import Selection
from mirror_app.ui.store.trust import curves, shuffled

__all__ = [
    "SQUARE_SIDE",
    "STRIP_COLUMNS",
    "OnProgress",
    "Selection",
    "band_sheet",
    "cached_result",
    "close",
    "curves",
    "decoded",
    "fetch",
    "figure_preview",
    "input_png",
    "is_loaded",
    "model",
    "model_input_rgb",
    "prediction",
    "result",
    "run_slot",
    "sheet",
    "shuffled",
    "store_result",
    "strip",
    "take_upload",
    "text_likelihoods",
    "thumbnail",
    "vmax",
]
