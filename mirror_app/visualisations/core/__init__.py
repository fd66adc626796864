"""The mathematics: tensors in, tensors out. Importing this room fills the registry."""

from mirror_app.render import grid
from mirror_app.visualisations.core.activations import Weights
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.cam import GradCam
from mirror_app.visualisations.core.relevance import Relevance

__all__ = ["Attribution", "GradCam", "Relevance", "Visualisation", "Weights", "grid"]
