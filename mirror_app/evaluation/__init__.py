"""How far a map of evidence can be trusted: does it point at the thing, do its pixels matter, does the model?"""

from mirror_app.evaluation.baselines import noise, sobel
from mirror_app.evaluation.curves import (
    ROAD_SHARES,
    area,
    deletion,
    ends_at_once,
    insertion,
    returns_at_once,
    road,
)
from mirror_app.evaluation.imputation import imputed
from mirror_app.evaluation.pointing import mass_inside, peak_inside
from mirror_app.evaluation.randomisation import (
    Depth,
    depths,
    held_as_buffers,
    rank_correlation,
    with_last_layer_shuffled,
    with_weights_shuffled,
)

__all__ = [
    "ROAD_SHARES",
    "Depth",
    "area",
    "deletion",
    "depths",
    "ends_at_once",
    "held_as_buffers",
    "imputed",
    "insertion",
    "mass_inside",
    "noise",
    "peak_inside",
    "rank_correlation",
    "returns_at_once",
    "road",
    "sobel",
    "with_last_layer_shuffled",
    "with_weights_shuffled",
]
