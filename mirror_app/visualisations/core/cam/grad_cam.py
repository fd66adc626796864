"""Grad-CAM: each map weighted by the mean of its gradient."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.params import Toggle
from mirror_app.visualisations.core.base import Attribution, TargetClass
from mirror_app.visualisations.core.cam.gradient_cam import GradientCam
from mirror_app.visualisations.core.gradients.back_prop import Guidable, gradient
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

_SIMILAR = 0.5  # the correlation below which two maps count as different pictures


@visualisation(
    "Grad-CAM",
    paper="Selvaraju et al. 2017, “Grad-CAM”, https://arxiv.org/abs/1610.02391",
    use="As a first look at where the evidence is: it is fast and class-specific, and works in nearly every network.",
    avoid="For fine outlines: it is as coarse as the layer's maps. At early layers, prefer Layer-CAM or HiRes-CAM.",
    asks=Question.WHERE,
    also="gradient-weighted class activation mapping, guided Grad-CAM, why not another class, evidence against",
)
class GradCam(Guidable, GradientCam):
    """Which parts of the picture push the model towards this class.

        raw = Σ_k w_k · A_k        w_k = mean of g_k over all locations

    A_k is map k of the layer, and g_k = ∂y/∂A_k the gradient of the target's score y (the logit of a class).

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.
        guide: Whether to return Guided Grad-CAM: ReLU(raw), enlarged to H x W (bilinear), times the gradient of guided
            backpropagation. This needs a model whose only activations are ReLUs or similar rectifiers.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed, in units of logits, or
        (N, C, H, W) if guided; `info["cam"]`, the map after the ReLU, guided or not, (h, w) for one picture and
        (N, h, w) for several; `info["target_class"]`, the class of each picture; `info["note"]`, a caution or "".

    Raises:
        MirrorError: If the layer has no spatial maps or does not affect the target, if the target does not exist, or
            if `guide` is set and the model has no rectifiers or has other activations.

    Example:
        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import GradCam
        >>> images, info = GradCam(resnet18().eval())(torch.rand(1, 3, 64, 64), "layer4", target_class=3)
        >>> images.shape, info["raw"].shape, info["target_class"]
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 2, 2]), [3])

    References:
        Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra 2017, "Grad-CAM: Visual Explanations from Deep Networks via
        Gradient-based Localization", https://arxiv.org/abs/1610.02391

    Deviations from the paper:
        Unless guided, the map is raw, before the paper's final ReLU, which the colouring applies.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.mean((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        averaged, elementwise = self.combine(maps, gradient), (gradient * maps).sum(1)
        correlation = float(torch.corrcoef(torch.stack([averaged.flatten(), elementwise.flatten()]))[0, 1])
        if not correlation < _SIMILAR:  # also true if a map is constant, since the correlation is then NaN
            return ""
        return (
            "Do not rely on Grad-CAM here: it averages each map's gradient over all locations, and its picture differs "
            "widely from HiRes-CAM's, which does not average. Use HiRes-CAM, Layer-CAM or a later layer."
        )

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        guide: Annotated[
            bool,
            Toggle(
                "Multiply by the guided gradient for finer detail. Beware: edges show even where they are irrelevant.",
                "Guided",
            ),
        ] = False,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        for frame in super().attribute(inputs, layer, target_class=target_class):
            cam = frame.raw.relu()
            if not guide:
                yield Attribution(frame.raw, frame.info, {"cam": cam})
                continue
            target_score = TargetScore(self.view, inputs, target_class, self.output)
            guided_gradient, _ = gradient(target_score, inputs, rewrite=probe.guide)
            enlarged = render.resize(cam, (inputs.shape[2], inputs.shape[3]))
            yield Attribution(enlarged[:, None] * guided_gradient, frame.info, {"cam": cam})
