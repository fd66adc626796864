"""The common base of the CAMs that weight a layer's maps by the gradient of the class score.

All of them turn `maps` A and `gradient` g = ∂y/∂A, both (N, C, h, w), into a signed map (N, h, w). The final ReLU of
the papers' formulas is left to the look, which colours the map. The CAMs differ in how they combine maps and gradient.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import Layout, default_layer, layout_of
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore

ScoreOf = Callable[[Tensor, Tensor], Tensor]  # takes answers (N, K) and the target (N,), and returns scores (N,)
_WEAK = 0.05  # evidence for the target is hardly visible if it is below this share of the evidence against the target


class GradientCam(Visualisation):
    """A CAM that combines a layer's maps with the gradient of the target's score; subclasses define how.

    Raises:
        MirrorError: If the layer has no spatial maps, or if its maps do not affect the target.
    """

    look = render.heat
    supports_all_stages = True

    @abstractmethod
    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        """Return the evidence (N, h, w) from `maps` and their `gradient`, both (N, C, h, w)."""

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        """Return a caution about the use of this method on these maps, or ""."""
        return ""

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        yield self.evidence(inputs, layer, target_score, target_score.score)

    def evidence(self, inputs: Tensor, layer: str, target_score: TargetScore, score_of: ScoreOf) -> Attribution:
        """Return the evidence for a score, which `score_of` computes from the answers of the model."""
        maps_layout = layout_of(self.view, inputs, layer)
        output, answers = target_score.split(inputs, layer)
        target = target_score.chosen(answers)
        (output_gradient,) = torch.autograd.grad(score_of(answers, target).sum(), output, allow_unused=True)
        if output_gradient is None:
            raise target_score.no_dependence_error(inputs, layer)
        if output_gradient.any() and not maps_layout.maps(output_gradient).any():
            alternative = _last_layer_with_gradient(target_score, inputs[:1], output[:1], maps_layout, target[:1])
            raise MirrorError(
                f"Only the class token of '{layer}' reaches the output, and it has no location in the picture",
                culprit=layer,
                hint=f"try '{alternative}'",
            )
        maps, gradient = maps_layout.maps(widened(output.detach())), maps_layout.maps(widened(output_gradient))
        evidence = self.combine(maps, gradient)
        note = _note(evidence, output_gradient) or self.caution(maps, gradient)
        return Attribution(evidence, target_score.info(target) | Info(note=note))


def _last_layer_with_gradient(
    target_score: TargetScore, inputs: Tensor, tokens: Tensor, maps_layout: Layout, target: Tensor
) -> str:
    """Return a layer that Grad-CAM can explain, for an error message.

    It is the layer that starts to run last, among those that have as many tokens as `tokens` and whose patch tokens
    affect the output. If there is no such layer, it is the default layer.
    """
    with torch.no_grad():
        target_score.view.record_calls(inputs)
    for name, call in sorted(target_score.view.calls.items(), key=lambda item: -item[1].order):
        if call.shape and call.shape[:1] == tokens.shape[1:2] and len(call.shape) == tokens.ndim - 1:
            output, answers = target_score.split(inputs, name)
            (gradient,) = torch.autograd.grad(target_score.score(answers, target).sum(), output, allow_unused=True)
            if gradient is not None and maps_layout.maps(gradient).any():
                return name
    return default_layer(target_score.view, inputs)


def caution_for_negative(maps: Tensor) -> str:
    """Return a caution for methods that assume non-negative maps if `maps` has negative values, otherwise ""."""
    if (maps < 0).any():
        return (
            "This method assumes non-negative maps, as after a ReLU. Some maps here are negative: interpret with care."
        )
    return ""


def _note(evidence: Tensor, gradient: Tensor) -> str:
    if not gradient.any():
        return "The gradient is zero everywhere: this layer does not affect the target's score."
    if not evidence.any():
        return (
            "The heat map is zero everywhere: the products of the feature maps and their gradient are zero, cancel "
            "out, or do not count in this method."
        )
    highest, lowest = float(evidence.max()), float(evidence.min())
    advice = "switch on 'Also show evidence against' (under Look) to see the evidence against it."
    if highest <= 0:
        return f"Nothing in this layer is evidence for the target: {advice}"
    if highest < _WEAK * -lowest:
        return f"Hardly anything in this layer is evidence for the target: {advice}"
    return ""
