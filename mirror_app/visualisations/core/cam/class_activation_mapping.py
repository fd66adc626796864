"""CAM: the maps weighted by the weights of the last linear layer."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import View, default_layer, layout
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.cam.weighted_sum import weighted_sum
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "CAM",
    paper="Zhou et al. 2016, “Learning Deep Features for Discriminative Localization”",
    use="In networks that end in global average pooling and one linear layer: exact contributions to the logit.",
    avoid="In any other network: CAM is not defined there. Where CAM is defined, Grad-CAM gives the same map up "
    "to a constant factor.",
    asks=Question.WHERE,
    also="class activation map, class activation mapping, global average pooling",
)
class ClassActivationMapping(Visualisation):
    """The original class activation map: the layer's maps, weighted by the classifier's weights for the class.

        raw = Σ_k W_ck · A_k        logit of class c = mean of raw over all locations + b_c

    A_k is map k of the layer, and W and b are the weights and the bias of the classifier. The equation for the logit
    holds only if nothing but a global average and one linear layer follow, which is checked on the inputs. A 1 x 1
    convolution before the average counts as the linear layer.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of the layer before the global average, or the submodule itself. None is the end of the last
            stage of the network that has maps.
        target_class: Number of a class, from 0. None is the most likely class of each picture.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed, in units of logits;
        `info["target_class"]`, the class of each picture.

    Raises:
        MirrorError: If more than a global average and one linear layer follow, if the layer has no spatial maps, or if
            the target does not exist.

    Example:
        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import ClassActivationMapping
        >>> model, inputs = resnet18().eval(), torch.rand(1, 3, 64, 64)
        >>> images, info = ClassActivationMapping(model)(inputs, "layer4", target_class=3)
        >>> torch.allclose(info["raw"].mean() + model.fc.bias[3], model(inputs)[0, 3], atol=1e-4)
        True

    References:
        Zhou, Khosla, Lapedriza, Oliva and Torralba 2016, "Learning Deep Features for Discriminative Localization",
        https://arxiv.org/abs/1512.04150
    """

    look = render.heat

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        output = self.view.capture(inputs, layer)
        maps = layout(self.view, inputs, layer, output).maps(output)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        if target_score.target.function:
            raise MirrorError(
                "CAM explains logits and their differences, which are linear in the maps",
                culprit=str(target_score.target),
                accepted="a class, or the difference of two",
                hint="use Grad-CAM",
            )
        logits = target_score.predict(inputs)
        target = target_score.chosen(logits)
        weights = _classifier_weights(self.view, maps, logits)
        if weights is None:
            raise MirrorError(
                "CAM needs a layer that is followed only by a global average and one linear layer, but more follows "
                f"'{layer}'",
                culprit=layer,
                hint=_alternative(self.view, inputs, logits),
            )
        # A score is linear in the logits, so the weights that lead to it are made of theirs in the same way.
        score_weights = [target_score.score(weights.T, chosen.expand(weights.shape[1])) for chosen in target]
        evidence = weighted_sum(torch.stack(score_weights), widened(maps))
        yield Attribution(evidence, target_score.info(target) | Info(note=""))


def _classifier_weights(view: View, maps: Tensor, logits: Tensor) -> Tensor | None:
    """Return the weights (classes, C) of the layer that turns averaged maps into `logits`, or None if there is none.

    A 1 x 1 convolution before the average is equivalent to a linear layer after it.
    """
    averages = widened(maps).mean((2, 3))
    # The root of a half-precision eps would be so large a tolerance that nearly every number would pass.
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


def _alternative(view: View, inputs: Tensor, logits: Tensor) -> str:
    """Return a hint for a layer at which CAM is not defined: a layer at which it is defined, or another method."""
    last = default_layer(view, inputs)
    output = view.capture(inputs, last) if last else inputs
    if output.ndim == 4 and _classifier_weights(view, output, logits) is not None:
        return f"try '{last}'"
    return "use Grad-CAM, which gives the same map where CAM is defined"
