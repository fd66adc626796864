"""HiRes-CAM: maps times gradient, location by location."""

from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "HiRes-CAM",
    paper="Draelos and Carin 2020, “HiResCAM”, https://arxiv.org/abs/2011.08891",
    use="When you must be sure that a location was used: at the layer in front of a linear classifier, it shows exact "
    "contributions.",
    avoid="When you want smooth maps: it keeps the noise of the gradient, above all in early layers.",
    asks=Question.WHERE,
    also="class activation map, high-resolution CAM, element-wise Grad-CAM",
)
class HiResCam(GradientCam):
    """Feature maps times gradients, location by location: a location lights up only if the model used it.

        raw = Σ_k g_k ⊙ A_k

    A_k is map k of the layer, g_k = ∂y/∂A_k the gradient of the target's score y (the logit of a class), and ⊙ the
    product location by location. If only a layer norm reads the maps, as between the blocks of a vision transformer,
    the sum is zero. A layer norm ignores the scale of the values at a location, so the products of these values with
    the gradient cancel. A note says so.

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
        Where a global average and a linear layer follow, HiRes-CAM adds up to the logit without its bias.

        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import HiResCam
        >>> model, inputs = resnet18().eval(), torch.rand(1, 3, 64, 64)
        >>> images, info = HiResCam(model)(inputs, "layer4", target_class=3)
        >>> torch.allclose(info["raw"].sum() + model.fc.bias[3], model(inputs)[0, 3], atol=1e-4)
        True

    References:
        Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
        networks", https://arxiv.org/abs/2011.08891

    Deviations from the paper:
        The map is raw, before any ReLU or scaling, which the colouring applies.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        products = gradient * maps
        if products.sum(1).abs().max() < 1e-3 * products.abs().sum(1).max():
            return (
                "Maps and gradient cancel at every location, as they do just before a layer norm: choose the layer "
                "norm itself."
            )
        return ""
