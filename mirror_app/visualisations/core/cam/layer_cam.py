"""Layer-CAM: maps times the positive part of the gradient, place by place."""

from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Layer-CAM",
    paper="Jiang et al. 2021, «LayerCAM», https://doi.org/10.1109/TIP.2021.3089943",
    use="For finer maps, from layers with more places.",
    avoid="To see evidence against a class: it leaves out whatever has a negative gradient.",
    asks=Question.WHERE,
    also="class activation map, fine-grained CAM",
)
class LayerCam(GradientCam):
    """Fine maps from early layers too: at each place only what would raise the class's logit counts."""

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.relu() * maps).sum(1)
