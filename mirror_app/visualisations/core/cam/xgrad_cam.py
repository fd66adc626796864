"""XGrad-CAM: each location's gradient counts by its share of the map."""

import torch
from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam, caution_for_negative
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "XGrad-CAM",
    paper="Fu et al. 2020, “Axiom-based Grad-CAM”, https://arxiv.org/abs/2008.02312",
    use="Instead of Grad-CAM, when simply averaging the gradient seems doubtful.",
    avoid="In networks whose maps sum to nearly zero: the weights are divided by that sum.",
    asks=Question.WHERE,
    also="class activation map, axiom-based Grad-CAM, axiomatic",
)
class XGradCam(GradientCam):
    """Grad-CAM with weights derived from two axioms: each location counts in proportion to its share of the map.

        raw = Σ_k w_k · A_k        w_k = Σ_ij g_kij · A_kij / Σ_ab A_kab

    A_k is map k of the layer, and g_k = ∂y/∂A_k the gradient of the target's score y (the logit of a class). A map
    whose sum is zero has weight 0. Apart from such maps, raw adds up to Σ_kij g_kij · A_kij. If maps have negative
    values, a sum may nearly vanish, and a note warns of it.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed, in units of logits;
        `info["target_class"]`, the class of each picture; `info["note"]`, a caution or "".

    Raises:
        MirrorError: If the layer has no spatial maps or does not affect the target, or if the target does not exist.

    Example:
        XGrad-CAM and HiRes-CAM have the same sum.

        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import HiResCam, XGradCam
        >>> model, inputs = resnet18().eval(), torch.rand(1, 3, 64, 64)
        >>> totals = [kind(model)(inputs, "layer3", target_class=3)[1]["raw"].sum() for kind in (XGradCam, HiResCam)]
        >>> torch.allclose(*totals, atol=1e-3)
        True

    References:
        Fu, Hu, Dong, Guo, Gao and Li 2020, "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of
        CNNs", https://arxiv.org/abs/2008.02312

    Deviations from the paper:
        The map is raw, before the paper's final ReLU, which the colouring applies.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        total = maps.sum((2, 3), keepdim=True)
        share = maps / torch.where(total == 0, torch.inf, total)
        return ((gradient * share).sum((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        return caution_for_negative(maps)
