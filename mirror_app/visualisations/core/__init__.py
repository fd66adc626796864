"""The mathematics: tensors in, tensors out. Importing this room fills the registry."""

from mirror_app.render import grid
from mirror_app.visualisations.core.activations import Weights
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.cam import GradCam
from mirror_app.visualisations.core.dream import DeepDream
from mirror_app.visualisations.core.inversion import InvertedRepresentation
from mirror_app.visualisations.core.synthesis import ClassPicture, FilterVisualisation

__all__ = [
    "Attribution", "ClassPicture", "DeepDream", "FilterVisualisation", "GradCam", "InvertedRepresentation",
    "Visualisation", "Weights", "grid",
]  # fmt: skip
