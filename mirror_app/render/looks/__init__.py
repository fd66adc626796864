"""The looks that come with Mirror. Each has its own file, with its scale and its colour bar."""

from mirror_app.render.looks.gradient import gradient, gradient_part
from mirror_app.render.looks.heat import heat, heat_evidence
from mirror_app.render.looks.look import Legend, Look, look
from mirror_app.render.looks.picture import picture, signed_picture
from mirror_app.render.looks.tiles import ORDERS, indices_by_peak, tiles
from mirror_app.render.looks.weights import weights

__all__ = [
    "ORDERS",
    "Legend",
    "Look",
    "gradient",
    "gradient_part",
    "heat",
    "heat_evidence",
    "indices_by_peak",
    "look",
    "picture",
    "signed_picture",
    "tiles",
    "weights",
]  # fmt: skip
