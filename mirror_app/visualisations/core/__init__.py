"""The mathematics: tensors in, tensors out. Importing this room fills the registry."""

from mirror_app.render import grid
from mirror_app.visualisations.core.activations import Weights
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.cam import GradCam
from mirror_app.visualisations.core.gradients import SaliencyMap
from mirror_app.visualisations.core.kernels import Kernels

__all__ = ["Attribution", "GradCam", "Kernels", "SaliencyMap", "Visualisation", "Weights", "grid"]
