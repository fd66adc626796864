"""Score-CAM: each map's weight is the class score of the picture seen through that map.

No gradient is used, so saturation cannot mislead the method. It costs one forward pass of the whole model per map.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.precision import widened
from mirror_app.probe import layout
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
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

        raw = Σ_k w_k · A_k        w = softmax over k of f(x ⊙ M_k)

    A_k is map k of the layer, x the picture and f the target's score (the logit of a class). The mask M_k is A_k,
    enlarged to the size of the picture (bilinear) and then stretched to [0, 1]. Masked pixels become 0, the mean colour
    of normalised inputs. The mask of a constant map is 0 everywhere; all constant maps share one forward pass.

    The softmax is meant for logits. With probabilities or other numbers as scores, it would give all maps the same
    weight, or one map all the weight. For scores that are not logits, w_k = f(x ⊙ M_k) - f(0), the paper's increase of
    confidence.

    There is one frame (intermediate result) after each micro-batch; maps not tried yet count as constant.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), in units of activations if the
        score is a logit; `info["target_class"]`, the class of each picture; `info["note"]`, a caution or "".

    Raises:
        MirrorError: If the layer has no spatial maps, or if the target does not exist.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import ScoreCam
        >>> head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *head).eval()
        >>> images, info = ScoreCam(model)(torch.rand(1, 3, 64, 64), "1", target_class=3)
        >>> images.shape, info["raw"].shape, info["target_class"]
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 62, 62]), [3])

    References:
        Wang, Wang, Du, Yang, Zhang, Ding, Mardziel and Hu 2020, "Score-CAM: Score-Weighted Visual Explanations for
        Convolutional Neural Networks", https://arxiv.org/abs/1910.01279

    Deviations from the paper:
        For logits, the baseline's score f(0) is not subtracted: it cancels in the softmax.
        For scores that are not logits, there is no softmax, as described above.
        The map is raw, before the paper's final ReLU, which the colouring applies.
    """

    look = render.heat
    supports_all_stages = True

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        output = widened(self.view.capture(inputs, layer))
        maps = layout(self.view, inputs, layer, output).maps(output)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        target = target_score.chosen(target_score.predict(inputs))
        baseline_answers = target_score.predict(torch.zeros_like(inputs[:1])).expand(len(inputs), -1)
        baseline = target_score.score(baseline_answers, target)[:, None]
        scores = baseline.repeat(1, maps.shape[1])
        varying = (maps.amax((2, 3)) > maps.amin((2, 3))).nonzero()

        def weights() -> Tensor:
            return scores.softmax(1) if target_score.is_logit else scores - baseline

        def masked_scores(span: slice) -> Tensor:
            items, channels = varying[span].T
            masks = _stretched(render.resize(maps[items, channels], (inputs.shape[2], inputs.shape[3])))
            return target_score.score(target_score.predict(inputs[items] * masks[:, None]), target[items])

        note = "" if len(varying) else "All maps of this layer are constant, so none can serve as a mask."
        info = target_score.info(target) | Info(note=note)
        for progress, span, span_scores in in_batches(masked_scores, len(varying), self.view):
            scores[tuple(varying[span].T)] = span_scores
            yield Attribution(weighted_sum(weights(), maps), info | Info(progress=progress))
        if not len(varying):
            yield Attribution(weighted_sum(weights(), maps), info | Info(progress=1.0))


def _stretched(masks: Tensor) -> Tensor:
    low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
    return (masks - low) / (high - low)
