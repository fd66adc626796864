"""How far a map of evidence can be trusted: does it point at the thing, do its pixels matter, does the model?"""

from mirror_app.evaluation.curves import area, deletion, insertion
from mirror_app.evaluation.pointing import mass_inside, peak_inside
from mirror_app.evaluation.randomisation import rank_correlation, with_last_layer_shuffled

__all__ = [
    "area",
    "deletion",
    "insertion",
    "mass_inside",
    "peak_inside",
    "rank_correlation",
    "with_last_layer_shuffled",
]
