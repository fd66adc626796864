"""Ablation-CAM: a map weighs what the logit loses without it.

It uses no gradient, so saturation cannot mislead it; the price is one forward pass per map.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import HALF, widened
from mirror_app.probe import Layout, layout
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.cam.weighted_sum import weighted_sum
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Ablation-CAM",
    paper="Desai and Ramaswamy 2020, “Ablation-CAM”, https://doi.org/10.1109/WACV45572.2020.9093360",
    use="When gradients seem misleading: it measures what is lost without each map.",
    avoid="When maps can replace one another: switching off one of them then seems to cost nothing.",
    asks=Question.WHERE,
    also="class activation map, gradient-free CAM, ablation, perturbation",
)
class AblationCam(Visualisation):
    """Each map is switched off in turn; its weight is the drop in the class score.

    The raw array is Σ (y - y without A) · A (N, h, w), before the ReLU, in units of logits. The paper divides by y, one
    number for the whole picture, which would turn the map around where y is negative: here it does not. Of a
    transformer the tokens of the grid are ablated, those before them stay.

    What lies below the layer is computed once. One frame after each micro-batch, with the maps tried so far.
    """

    look = staticmethod(render.heat)
    supports_all_stages = True

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        own = self.view.capture(inputs, layer)
        output = widened(own)
        held = layout(self.view, inputs, layer, output)
        if not held.is_batch_first:
            raise MirrorError(
                f"Ablation-CAM puts something else in the place of a layer, picture by picture, and '{layer}' does not "
                "give one picture after the other: take Grad-CAM."
            )
        maps = held.maps(output)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        answers = target_score.predict(inputs)
        target = target_score.chosen(answers)
        whole = target_score.score(answers, target)
        drops = maps.new_zeros(maps.shape[:2])
        info = {**target_score.info(target), "note": ""}
        for item in range(len(inputs)):
            one = slice(item, item + 1)
            live = maps[item].flatten(1).any(1).nonzero()[:, 0]
            tried = _answers_without(target_score, inputs[one], layer, output[one], held, live)
            for progress, span, found in tried:
                left = target_score.score(found, target[one].expand(len(found)))
                drops[item, live[span]] = (whole[item] - left).to(drops)
                yield Attribution(weighted_sum(drops, maps), {**info, "progress": (item + progress) / len(inputs)})
        drops[drops.abs() <= _rounding(answers, own.dtype)[:, None]] = 0
        if not drops.any():
            info["note"] = "Without any one map of this layer the target's score stays what it is."
        yield Attribution(weighted_sum(drops, maps), {**info, "progress": 1.0})


def _answers_without(
    target_score: TargetScore, picture: Tensor, layer: str, output: Tensor, held: Layout, channels: Tensor
) -> Iterator[tuple[float, slice, Tensor]]:
    """Yield `(progress, span, answers)` for one picture, without each of the layer's `channels` in turn."""
    above = target_score.run_from(picture, layer)

    def without(span: slice) -> Tensor:
        absent = channels[span]
        maps = held.maps(output).repeat(len(absent), 1, 1, 1)
        maps[torch.arange(len(absent)), absent] = 0
        return above(held.output(maps, output))

    return in_batches(without, len(channels), target_score.view)


def _rounding(answers: Tensor, computed: torch.dtype) -> Tensor:
    """Return by how much rounding alone may change one of the `answers` (N, K) from batch to batch, (N,).

    In half precision, where sums are made in float32, it is the rounding of the two answers that are compared.
    """
    times = 1 if computed in HALF else 16
    return times * torch.finfo(computed).eps * answers.abs().nan_to_num(posinf=0).amax(1)  # a masked class is -∞
