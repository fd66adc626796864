"""Layer-CAM: maps times the positive part of the gradient, place by place."""

from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Layer-CAM",
    paper="Jiang et al. 2021, “LayerCAM”, https://doi.org/10.1109/TIP.2021.3089943",
    use="For finer maps, from layers with a higher resolution.",
    avoid="To see evidence against a class: it ignores everything with a negative gradient.",
    asks=Question.WHERE,
    also="class activation map, fine-grained CAM",
)
class LayerCam(GradientCam):
    """Finer maps, from early layers too: only locations with a positive gradient count."""

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.relu() * maps).sum(1)
