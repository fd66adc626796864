"""The mathematics: tensors in, tensors out. Importing this room fills the registry."""

from mirror_app.render import grid
from mirror_app.visualisations.core.activations import Weights
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.cam import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam

__all__ = [
    "Attribution",
    "GradCam",
    "GradCamPlusPlus",
    "HiResCam",
    "LayerCam",
    "Visualisation",
    "Weights",
    "XGradCam",
    "grid",
]
