"""Finer-CAM: Grad-CAM for the difference between a class and the classes most similar to it."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.params import Number, Slider
from mirror_app.visualisations.core.base import Attribution, TargetClass
from mirror_app.visualisations.core.cam.gradient_cam import GradientCam
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Finer-CAM",
    paper="Zhang et al. 2025, “Finer-CAM”, https://arxiv.org/abs/2501.11309",
    use="When classes look alike, such as species of birds: it leaves out what speaks for all of them.",
    avoid="For everything that speaks for the class: Grad-CAM shows that. For one class of your choice, enter a "
    "difference as the target instead, such as `281 - 282`.",
    asks=Question.WHERE,
    also="fine-grained class activation mapping, contrast, difference of classes, why not another class",
)
class FinerCam(GradientCam):
    """Grad-CAM for what tells a class from the classes most like it.

        raw = Σ_k w_k · A_k        w_k = mean of g_k over all locations
        s = Σ_c p_c · (y - contrast · y_c)        p = softmax of the compared logits

    A_k is map k of the layer, and g_k = ∂s/∂A_k the gradient of the score s: the logit y of the class minus the logits
    y_c of the classes c that are compared. These are the classes whose logits are nearest to y.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.
        compared: How many classes are compared, 1 or more. If the model has fewer other classes, all are.
        contrast: The weight of the compared classes, 0 to 1. With 0, it is Grad-CAM.
        target_class: Number of a class, from 0. None is the most likely class of each picture.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed, in units of logits;
        `info["target_class"]`, the class of each picture; `info["compared"]`, the numbers of the compared classes, most
        similar first, (n,) for one picture and (N, n) for several; `info["note"]`, a caution or "".

    Raises:
        MirrorError: If the layer has no spatial maps or does not affect the class, or if the target is not one of
            several classes.

    Example:
        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import FinerCam
        >>> model = resnet18().eval()
        >>> images, info = FinerCam(model)(torch.rand(1, 3, 64, 64), "layer4", target_class=3, compared=2)
        >>> images.shape, info["raw"].shape, len(info["compared"])
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 2, 2]), 2)

    References:
        Zhang, Jiang, Xu, Chen, Berger-Wolf, Chao and Gu 2025, "Finer-CAM: Spotting the Difference Reveals Finer Details
        for Visual Explanation", https://arxiv.org/abs/2501.11309

    Deviations from the paper:
        The map is raw, before any ReLU or scaling, which the colouring applies.
    """

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        compared: Annotated[
            int, Number("How many of the most similar classes the class is compared with.", min=1, max=1000)
        ] = 3,
        contrast: Annotated[float, Slider("The weight of the compared classes: with 0, it is Grad-CAM.")] = 1.0,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        answers = target_score.predict(inputs)
        target = target_score.chosen(answers)
        kind, is_class = target_score.kind, target_score.target.is_class
        if not (kind and kind.has_probabilities and is_class and answers.shape[1] > 1):
            raise MirrorError(
                "Finer-CAM compares a class with others, so its target must be one of several classes",
                culprit=str(target_score.target),
                accepted="one of several classes",
                hint="for this target, use Grad-CAM",
            )
        similar = most_similar(answers, target, compared)
        frame = self.evidence(
            inputs, layer, target_score, lambda answers, target: contrast_score(answers, target, similar, contrast)
        )
        yield Attribution(frame.raw, frame.info, {"compared": similar})

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.mean((2, 3), keepdim=True) * maps).sum(1)


def most_similar(logits: Tensor, target: Tensor, count: int) -> Tensor:
    """Return the classes (N, count) whose `logits` (N, K) are nearest to that of the target (N,), nearest first."""
    distance = (logits - logits.gather(1, target[:, None])).abs().scatter(1, target[:, None], torch.inf)
    return distance.argsort(dim=1, stable=True)[:, : min(count, logits.shape[1] - 1)]


def contrast_score(logits: Tensor, target: Tensor, similar: Tensor, contrast: float) -> Tensor:
    """Return the scores (N,): how much the target's logit exceeds the `similar` ones (N, n), weighted by likelihood."""
    compared = logits.gather(1, similar)
    own = logits.gather(1, target[:, None])
    return (compared.softmax(1) * (own - contrast * compared)).sum(1)
