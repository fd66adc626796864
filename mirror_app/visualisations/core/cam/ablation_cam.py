"""Ablation-CAM: each map's weight is the drop in the class score when that map is set to zero.

No gradient is used, so saturation cannot mislead the method. It costs one forward pass per map, starting at the layer.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import HALF, widened
from mirror_app.probe import Layout, layout
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
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

        raw = Σ_k (y - y_k) · A_k

    A_k is map k of the layer, y the score of the target (the logit of a class), and y_k the score when A_k is set to
    zero everywhere. In a transformer, a map is one channel of the tokens on the grid; other tokens, such as the class
    token, keep their values. The part of the network before the layer runs only once per picture. There is one frame
    (intermediate result) after each micro-batch; maps not tried yet have weight 0.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed, in units of logits times
        activations; `info["target_class"]`, the class of each picture; `info["note"]`, a caution or "".

    Raises:
        MirrorError: If the layer has no spatial maps, if the first axis of its output is not the batch, or if the
            target does not exist.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import AblationCam
        >>> head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *head).eval()
        >>> images, info = AblationCam(model)(torch.rand(1, 3, 64, 64), "1", target_class=3)
        >>> images.shape, info["raw"].shape, info["target_class"]
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 62, 62]), [3])

    References:
        Desai and Ramaswamy 2020, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
        Localization", https://doi.org/10.1109/WACV45572.2020.9093360

    Deviations from the paper:
        The weight is y - y_k, and not (y - y_k) / y as in the paper. The divisor is one number for the whole picture,
        and would change the sign of the map if y is negative.
        A drop no larger than the rounding error of the scores counts as 0.
        The map is raw, before the paper's final ReLU, which the colouring applies.
    """

    look = render.heat
    supports_all_stages = True

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        activations = self.view.capture(inputs, layer)
        output = widened(activations)
        maps_layout = layout(self.view, inputs, layer, output)
        if not maps_layout.is_batch_first:
            raise MirrorError(
                f"Ablation-CAM needs the pictures on the first axis of a layer's output, and '{layer}' has them "
                "elsewhere",
                culprit=layer,
                hint="use Grad-CAM",
            )
        maps = maps_layout.maps(output)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        answers = target_score.predict(inputs)
        target = target_score.chosen(answers)
        intact_scores = target_score.score(answers, target)
        drops = maps.new_zeros(maps.shape[:2])
        info = target_score.info(target) | Info(note="")
        for item in range(len(inputs)):
            current = slice(item, item + 1)
            channels = maps[item].flatten(1).any(1).nonzero()[:, 0]
            batches = _answers_without(target_score, inputs[current], layer, output[current], maps_layout, channels)
            for progress, span, ablated_answers in batches:
                ablated_scores = target_score.score(ablated_answers, target[current].expand(len(ablated_answers)))
                drops[item, channels[span]] = (intact_scores[item] - ablated_scores).to(drops)
                yield Attribution(weighted_sum(drops, maps), info | Info(progress=(item + progress) / len(inputs)))
        drops[drops.abs() <= _rounding_error(answers, activations.dtype)[:, None]] = 0
        if not drops.any():
            info |= Info(note="Removing any single map of this layer leaves the target's score unchanged.")
        yield Attribution(weighted_sum(drops, maps), info | Info(progress=1.0))


def _answers_without(
    target_score: TargetScore, picture: Tensor, layer: str, output: Tensor, maps_layout: Layout, channels: Tensor
) -> Iterator[tuple[float, slice, Tensor]]:
    """Yield `(progress, span, answers)` for one picture, with each of the layer's `channels` set to zero in turn."""
    run = target_score.run_from(picture, layer)

    def ablate(span: slice) -> Tensor:
        ablated = channels[span]
        maps = maps_layout.maps(output).repeat(len(ablated), 1, 1, 1)
        maps[torch.arange(len(ablated)), ablated] = 0
        return run(maps_layout.output(maps, output))

    return in_batches(ablate, len(channels), target_score.view)


def _rounding_error(answers: Tensor, dtype: torch.dtype) -> Tensor:
    """Return, for each item (N,), by how much rounding alone may change its `answers` (N, K) between batches.

    `dtype` is the type in which the model computes. In half precision, sums are computed in float32, so that only the
    two answers that are compared are rounded.
    """
    factor = 1 if dtype in HALF else 16
    return factor * torch.finfo(dtype).eps * answers.abs().nan_to_num(posinf=0).amax(1)  # masked logits are -∞
