"""Gradient ascent on images: a picture is optimised step by step to raise an objective."""

from mirror_app.optim import objectives, operators, optimisers, penalties, transforms
from mirror_app.optim.ascent import Ascent, Step
from mirror_app.optim.objectives import ForwardPass, Objective
from mirror_app.optim.parametrisations import Fourier, Parametrisation, Pixels
from mirror_app.optim.space import PixelSpace

__all__ = [
    "Ascent",
    "ForwardPass",
    "Fourier",
    "Objective",
    "Parametrisation",
    "PixelSpace",
    "Pixels",
    "Step",
    "objectives",
    "operators",
    "optimisers",
    "penalties",
    "transforms",
]  # fmt: skip
