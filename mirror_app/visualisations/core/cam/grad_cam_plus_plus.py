"""Grad-CAM++: Grad-CAM with a separate weight for each location of a map's gradient."""

from torch import Tensor

from mirror_app.visualisations.core.cam.gradient_cam import GradientCam, caution_for_negative
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

        raw = Σ_k w_k · A_k        w_k = Σ_ij α_kij · ReLU(g_kij)
        α_kij = g_kij² / (2 g_kij² + g_kij³ · Σ_ab A_kab)

    A_k is map k of the layer, and g_k = ∂y/∂A_k the gradient of the target's score y (the logit of a class). The paper
    derives α (equation 19) for maps that are not negative. With negative values the denominator may vanish, and a note
    warns of it.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed; `info["target_class"]`, the
        class of each picture; `info["note"]`, a caution or "".

    Raises:
        MirrorError: If the layer has no spatial maps or does not affect the target, or if the target does not exist.

    Example:
        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import GradCamPlusPlus
        >>> images, info = GradCamPlusPlus(resnet18().eval())(torch.rand(1, 3, 64, 64), "layer4", target_class=3)
        >>> images.shape, info["raw"].shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 2, 2]))

    References:
        Chattopadhay, Sarkar, Howlader and Balasubramanian 2018, "Grad-CAM++: Improved Visual Explanations for Deep
        Convolutional Networks", https://arxiv.org/abs/1710.11063

    Deviations from the paper:
        The paper explains exp(y). Its factor exp(y) is one number for the whole picture and is left out.
        The map is raw, before the paper's final ReLU, which the colouring applies.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        # g² is cancelled, so that small gradients are as exact as large ones; where g ≤ 0 the ReLU leaves nothing.
        weights = gradient.relu() / (2 + gradient * maps.sum((2, 3), keepdim=True))
        return (weights.sum((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        return caution_for_negative(maps)
