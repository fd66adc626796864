"""Turns raw numbers into pictures: looks, scales, colours and sheets."""

from mirror_app.render.legend import Legend, legend, vmax
from mirror_app.render.looks import (
    ORDERS,
    Look,
    gradient,
    heat,
    indices_by_peak,
    look,
    picture,
    signed_picture,
    tiles,
    weights,
)
from mirror_app.render.outliers import marking_outliers, outliers
from mirror_app.render.scale import SATURATED_SHARE, is_rgb, scale_by_peak
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
    "look",
    "marking_outliers",
    "outliers",
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
