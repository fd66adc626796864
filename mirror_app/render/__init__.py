"""How raw maps become pictures: looks, colours and sheets."""

from mirror_app.render.looks import (
    ORDERS,
    SATURATED_SHARE,
    Legend,
    Look,
    gradient,
    heat,
    indices_by_peak,
    is_rgb,
    legend,
    picture,
    scale_by_peak,
    signed_picture,
    tiles,
    vmax,
    weights,
)
from mirror_app.render.sheets import fade_outside, grid, pixels, png, resize, shrink

__all__ = [
    "ORDERS",
    "SATURATED_SHARE",
    "Legend",
    "Look",
    "fade_outside",
    "gradient",
    "grid",
    "heat",
    "indices_by_peak",
    "is_rgb",
    "legend",
    "picture",
    "pixels",
    "png",
    "resize",
    "scale_by_peak",
    "shrink",
    "signed_picture",
    "tiles",
    "vmax",
    "weights",
]  # fmt: skip
