"""The deconvolutional network: the backward pass with a ReLU on the backward signal."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from mirror_app import probe, render
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.gradients.back_prop import gradient
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Deconvnet",
    paper="Zeiler and Fergus 2014, “Visualizing and Understanding Convolutional Networks”, https://arxiv.org/abs/1311.2901",
    use="To reproduce old papers, or to see which edges reach a layer.",
    avoid="To explain a class: it shows the picture's edges even in an untrained network.",
    asks=Question.PIXELS,
    also="deconvolution, deconvolutional network, saliency map",
)
class Deconvnet(Visualisation):
    """The gradient with each ReLU applied to the backward signal, so that only positive values are passed down.

        at each ReLU: R_in = ReLU(R_out)        elsewhere: R_in = (∂out/∂in)ᵀ · R_out, as for a gradient

    R starts as 1 at the target's score, and raw is R at the picture. Unlike in backpropagation, a ReLU's own input
    plays no part. The result therefore follows the edges of the picture, whatever the class is, and a note says so.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because the signal goes down to the pixels.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5@1,2": the unit in row 1 and column 2 of channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, C, H, W), signed;
        `info["target_class"]`, the class of each picture; `info["note"]`, a caution.

    Raises:
        MirrorError: If the model has no rectifiers such as ReLU or has other activations, or if the target does not
            exist.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Deconvnet
        >>> head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *head).eval()
        >>> images, info = Deconvnet(model)(torch.rand(1, 3, 64, 64), target_class=3)
        >>> images.shape, info["raw"].shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 3, 64, 64]))

    References:
        Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks",
        https://arxiv.org/abs/1311.2901

    Deviations from the paper:
        The signal starts as 1, not as the activation of the unit that is explained. For a positive activation, this
        changes only the scale.
    """

    look = render.gradient
    uses_layer = False

    @classmethod
    def ignores_model(cls, params: Mapping[str, object]) -> bool:
        return True

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        signal, target = gradient(target_score, inputs, rewrite=probe.deconvolve)
        note = "This shows edges more than reasons: it changes little with the class, or when weights are shuffled."
        yield Attribution(signal, target_score.info(target) | Info(note=note))
