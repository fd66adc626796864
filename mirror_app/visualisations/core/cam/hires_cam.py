"""HiRes-CAM: maps times gradient, place by place."""

from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "HiRes-CAM",
    paper="Draelos and Carin 2020, “HiResCAM”, https://arxiv.org/abs/2011.08891",
    use="When you must be sure that a location was used: before a linear classifier, it shows exact contributions.",
    avoid="When you want smooth maps: it keeps the noise of the gradient, above all in early layers.",
    asks=Question.WHERE,
    also="class activation map, high-resolution CAM, element-wise Grad-CAM",
)
class HiResCam(GradientCam):
    """Feature maps times gradients, location by location: only locations that the model used light up.

    Zero where a layer norm over the maps is all that reads a place, as between the blocks of a vision transformer: to
    it the size of a place's maps is nothing, so that the products cancel. A note says so.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        products = gradient * maps
        if products.sum(1).abs().max() < 1e-3 * products.abs().sum(1).max():
            return "Maps and gradient cancel at each place, as in front of a layer norm: choose the layer norm itself."
        return ""
