"""Layer-CAM: maps times the positive part of the gradient, location by location."""

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
    """Finer maps, from early layers too: a location counts only where the gradient is positive.

        raw = Σ_k ReLU(g_k) ⊙ A_k

    A_k is map k of the layer, g_k = ∂y/∂A_k the gradient of the target's score y (the logit of a class), and ⊙ the
    product location by location.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed where maps are negative;
        `info["target_class"]`, the class of each picture; `info["note"]`, a caution or "".

    Raises:
        MirrorError: If the layer has no spatial maps or does not affect the target, or if the target does not exist.

    Example:
        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import LayerCam
        >>> images, info = LayerCam(resnet18().eval())(torch.rand(1, 3, 64, 64), "layer1", target_class=3)
        >>> images.shape, info["raw"].shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 16, 16]))

    References:
        Jiang, Zhang, Hou, Cheng and Wei 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for
        Localization", https://doi.org/10.1109/TIP.2021.3089943

    Deviations from the paper:
        Maps of several layers are not fused, and maps of early layers are not rescaled by a tanh.
        The map is raw, before the paper's final ReLU, which the colouring applies.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.relu() * maps).sum(1)
