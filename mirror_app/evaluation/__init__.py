"""Tests how far an attribution can be trusted: pointing games, deletion and insertion curves, shuffled weights."""

from mirror_app.evaluation.baselines import noise, sobel
from mirror_app.evaluation.curves import (
    ROAD_SHARES,
    area,
    deletion,
    drops_early,
    insertion,
    recovers_early,
    road,
)
from mirror_app.evaluation.imputation import impute
from mirror_app.evaluation.pointing import mass_inside, peak_inside
from mirror_app.evaluation.randomisation import (
    Depth,
    buffers_holding_weights,
    depths,
    rank_correlation,
    with_last_layer_shuffled,
    with_weights_shuffled,
)

__all__ = [
    "ROAD_SHARES",
    "Depth",
    "area",
    "buffers_holding_weights",
    "deletion",
    "depths",
    "drops_early",
    "impute",
    "insertion",
    "mass_inside",
    "noise",
    "peak_inside",
    "rank_correlation",
    "recovers_early",
    "road",
    "sobel",
    "with_last_layer_shuffled",
    "with_weights_shuffled",
]
