"""CAM: the maps weighted by the weights of the last linear layer."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import View, default_layer, layout
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.cam.weighted_sum import weighted_sum
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "CAM",
    paper="Zhou et al. 2016, “Learning Deep Features for Discriminative Localization”",
    use="In networks that end in global average pooling and one linear layer: exact contributions to the logit.",
    avoid="In other networks, where it is not defined. Where both are defined, Grad-CAM gives the same map.",
    asks=Question.WHERE,
    also="class activation map, class activation mapping, global average pooling",
)
class ClassActivationMapping(Visualisation):
    """The original class activation map: the layer's maps, weighted by the classifier's weights for the class.

    The raw array (N, h, w) is Σ W A: its average over the places, plus the classifier's bias, is the logit. That holds
    only where nothing but a global average and a linear layer follow, which is tried on the inputs; MirrorError
    elsewhere. https://arxiv.org/abs/1512.04150
    """

    look = staticmethod(render.heat)

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        output = self.view.capture(inputs, layer)
        maps = layout(self.view, inputs, layer, output).maps(output)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        logits = target_score.predict(inputs)
        target = target_score.chosen(logits)
        weights = _averaged_by(self.view, maps, logits)
        if weights is None:
            raise MirrorError(
                "CAM needs a layer that only a global average and one linear layer follow, and more follows "
                f"'{layer}': {_instead(self.view, inputs, logits)}."
            )
        evidence = weighted_sum(weights[target], widened(maps))
        yield Attribution(evidence, {**target_score.info(target), "note": ""})


def _averaged_by(view: View, maps: Tensor, logits: Tensor) -> Tensor | None:
    """Return the weights (classes, C) with which `logits` are the maps' averages, plus a bias; None where they are not.

    A 1 x 1 convolution before the average is the same as a linear layer behind it.
    """
    averages = widened(maps).mean((2, 3))
    # In half precision the root of eps would let nearly every number pass.
    eps = torch.finfo(maps.dtype).eps
    tolerance = max(torch.finfo(averages.dtype).eps ** 0.5, 8 * eps) * logits.abs().nan_to_num(posinf=0).max()
    for module in view.modules.values():
        if isinstance(module, nn.Linear | nn.Conv2d):
            weights = widened(module.weight.flatten(1))
            if weights.shape == (logits.shape[1], maps.shape[1]):
                bias = None if module.bias is None else widened(module.bias)
                expected = nn.functional.linear(averages, weights, bias)
                if torch.where(expected == logits, 0, (expected - logits).abs()).max() <= tolerance:
                    return weights
    return None


def _instead(view: View, inputs: Tensor, logits: Tensor) -> str:
    last = default_layer(view, inputs)
    output = view.capture(inputs, last) if last else inputs
    if output.ndim == 4 and _averaged_by(view, output, logits) is not None:
        return f"try '{last}'"
    return "take Grad-CAM, which is the same where CAM is defined"
