"""How raw maps become pictures: looks, colours and sheets."""

from mirror_app.render.looks import (
    ORDERS,
    STRONGEST,
    Legend,
    Look,
    gradient,
    heat,
    in_colour,
    legend,
    picture,
    signed_picture,
    signed_share,
    strongest,
    tiles,
    vmax,
    weights,
)
from mirror_app.render.sheets import framed, grid, pixels, png, resize, shrink

__all__ = [
    "ORDERS",
    "STRONGEST",
    "Legend",
    "Look",
    "framed",
    "gradient",
    "grid",
    "heat",
    "in_colour",
    "legend",
    "picture",
    "pixels",
    "png",
    "resize",
    "shrink",
    "signed_picture",
    "signed_share",
    "strongest",
    "tiles",
    "vmax",
    "weights",
]  # fmt: skip
