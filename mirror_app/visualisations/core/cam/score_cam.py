"""Score-CAM: a map weighs what the logit is where the map alone lets the picture through.

It uses no gradient, so saturation cannot mislead it; the price is one forward pass per map.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.precision import widened
from mirror_app.probe import layout
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.cam.weighted_sum import weighted_sum
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Score-CAM",
    paper="Wang et al. 2020, “Score-CAM”, https://arxiv.org/abs/1910.01279",
    use="When gradients seem misleading: it uses only the model's answers.",
    avoid="When time matters: it runs the network once per map, several hundred times in all.",
    asks=Question.WHERE,
    also="class activation map, gradient-free CAM, score-weighted, perturbation",
)
class ScoreCam(Visualisation):
    """Each map is used as a mask; its weight is the class score of the masked picture.

    A map, enlarged to the picture (bilinear) and then stretched to [0, 1], is the mask M; its weight is the softmax,
    over all maps, of the logits of picture · M. The raw array is Σ weight · A (N, h, w), before the ReLU. A flat map's
    mask is zero: all such maps share one forward pass. What is masked becomes 0, the mean colour of normalised inputs.

    The softmax is made for logits. A probability or a plain number has another scale, on which it would take all maps
    alike or one alone: there the weight is the paper's increase of confidence, f(picture · M) - f(0).

    One frame after each micro-batch, in which the maps not tried yet count as flat.
    """

    look = staticmethod(render.heat)
    supports_all_stages = True

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        output = widened(self.view.capture(inputs, layer))
        maps = layout(self.view, inputs, layer, output).maps(output)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        target = target_score.chosen(target_score.predict(inputs))
        nothing = target_score.predict(torch.zeros_like(inputs[:1])).expand(len(inputs), -1)
        baseline = target_score.score(nothing, target)[:, None]
        scores = baseline.repeat(1, maps.shape[1])
        live = (maps.amax((2, 3)) > maps.amin((2, 3))).nonzero()

        def weights() -> Tensor:
            return scores.softmax(1) if target_score.is_logit else scores - baseline

        def tried(span: slice) -> Tensor:
            items, channels = live[span].T
            masks = _stretched(render.resize(maps[items, channels], (inputs.shape[2], inputs.shape[3])))
            return target_score.score(target_score.predict(inputs[items] * masks[:, None]), target[items])

        info = {**target_score.info(target), "note": "" if len(live) else "All maps of this layer are flat here."}
        for progress, span, found in in_batches(tried, len(live), self.view):
            scores[tuple(live[span].T)] = found
            yield Attribution(weighted_sum(weights(), maps), {**info, "progress": progress})
        if not len(live):
            yield Attribution(weighted_sum(weights(), maps), {**info, "progress": 1.0})


def _stretched(masks: Tensor) -> Tensor:
    low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
    return (masks - low) / (high - low)
