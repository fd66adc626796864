"""XGrad-CAM: each place counts by its share of the map."""

import torch
from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam, on_negative
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "XGrad-CAM",
    paper="Fu et al. 2020, “Axiom-based Grad-CAM”, https://arxiv.org/abs/2008.02312",
    use="Like Grad-CAM, when plain averaging of the gradient seems doubtful.",
    avoid="In networks whose maps sum to nearly zero: the weights are divided by that sum.",
    asks=Question.WHERE,
    also="class activation map, axiom-based Grad-CAM, axiomatic",
)
class XGradCam(GradientCam):
    """Grad-CAM with weights derived from two axioms: each location counts in proportion to its share of the map.

    Each map's weight is Σ g · A / ΣA; a map whose sum is zero has none. The whole picture's evidence is then Σ g · A.
    For maps with negative numbers, too, the sum may vanish, and a note warns.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        total = maps.sum((2, 3), keepdim=True)
        share = maps / torch.where(total == 0, torch.inf, total)
        return ((gradient * share).sum((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        return on_negative(maps)
