"""What the CAMs share that weight a layer's maps by the gradient of the class's logit: a paper adds one line to it.

All of them trade in `maps` A and `gradient` g = ∂y/∂A, both (N, C, h, w), and give a signed map (N, h, w), before the
paper's ReLU, which the look applies.
"""

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import Layout, default_layer, layout_of
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore

_FAINT = 0.05  # of the evidence against a class: less evidence for it is hardly visible


class GradientCam(Visualisation):
    """What the gradient CAMs share: the maps, the gradient, the class; a paper adds how to combine them.

    Raises MirrorError where the layer has no spatial map, or where its maps do not reach the output.
    """

    look = staticmethod(render.heat)
    supports_all_stages = True

    @abstractmethod
    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        """Return the evidence (N, h, w) in `maps` (N, C, h, w), by which `gradient` (N, C, h, w) is the logit's."""

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        """Return what a person must know about this method on these maps; nothing where all is well."""
        return ""

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        found = layout_of(self.view, inputs, layer)
        output, answers = target_score.split(inputs, layer)
        target = target_score.chosen(answers)
        (gradient,) = torch.autograd.grad(target_score.score(answers, target).sum(), output, allow_unused=True)
        if gradient is None:
            raise target_score.no_dependence_error(inputs, layer)
        if gradient.any() and not found.maps(gradient).any():
            raise MirrorError(
                f"Of the layer '{layer}' only the class token reaches the output, and that has no place in the "
                f"picture: try '{_last_with_gradient(target_score, inputs[:1], output[:1], found, target[:1])}'."
            )
        maps, slope = found.maps(widened(output.detach())), found.maps(widened(gradient))
        evidence = self.combine(maps, slope)
        note = _note(evidence, gradient) or self.caution(maps, slope)
        yield Attribution(evidence, {**target_score.info(target), "note": note})


def _last_with_gradient(target_score: TargetScore, inputs: Tensor, like: Tensor, found: Layout, target: Tensor) -> str:
    """Return the last layer to begin, of those with the same tokens, whose places reach the output."""
    with torch.no_grad():
        target_score.view.record_calls(inputs)
    for name, call in sorted(target_score.view.calls.items(), key=lambda item: -item[1].order):
        if call.shape and call.shape[:1] == like.shape[1:2] and len(call.shape) == like.ndim - 1:
            output, answers = target_score.split(inputs, name)
            (slope,) = torch.autograd.grad(target_score.score(answers, target).sum(), output, allow_unused=True)
            if slope is not None and found.maps(slope).any():
                return name
    return default_layer(target_score.view, inputs)


def on_negative(maps: Tensor) -> str:
    """Return a caution for methods that assume maps (N, C, h, w) that are not negative; nothing where none is."""
    if (maps < 0).any():
        return "This method assumes maps that are not negative, as after a ReLU. Some are negative: read with care."
    return ""


def _note(evidence: Tensor, gradient: Tensor) -> str:
    if not gradient.any():
        return "The gradient is zero everywhere: this layer does not affect the target's score."
    if not evidence.any():
        return "The map is zero everywhere: the layer's maps and their gradient do not overlap."
    most, least = float(evidence.max()), float(evidence.min())
    against = "switch on 'Also show evidence against' (under Look) to see the evidence against it."
    if most <= 0:
        return f"Nothing in this layer is evidence for the target: {against}"
    if most < _FAINT * -least:
        return f"Hardly anything in this layer is evidence for the target: {against}"
    return ""
