"""Grad-CAM++: each place of a map counts on its own."""

from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam, on_negative
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Grad-CAM++",
    paper="Chattopadhay et al. 2018, “Grad-CAM++”, https://arxiv.org/abs/1710.11063",
    use="When the picture contains several objects of one class.",
    avoid="To see evidence against a class, or for exact values: its weights are heuristic and hardly class-specific.",
    asks=Question.WHERE,
    also="class activation map, several objects",
)
class GradCamPlusPlus(GradientCam):
    """Grad-CAM for pictures with several instances of a class, so that small ones are not drowned out.

    Each map's weight is the sum of α · ReLU(g) with α = g² / (2 g² + g³ · ΣA), the paper's equation 19. The paper's
    factor exp(y), one number for the whole picture, is left out. Made for maps that are not negative: elsewhere the
    denominator may vanish, and a note warns.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        # g² is cancelled, so that small gradients are as exact as large ones; where g ≤ 0 the ReLU leaves nothing.
        share = gradient.relu() / (2 + gradient * maps.sum((2, 3), keepdim=True))
        return (share.sum((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        return on_negative(maps)
