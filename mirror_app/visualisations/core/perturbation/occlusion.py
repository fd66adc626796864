"""Occlusion: the model is asked for its output alone, with a patch over the picture."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.params import Number, Slider
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

Box = tuple[slice, slice]


@visualisation(
    "Occlusion",
    paper="Zeiler and Fergus 2014, “Visualizing Convolutional Networks”, https://arxiv.org/abs/1311.2901",
    use="For direct evidence from a black box, without gradients: hide a region and see what is lost.",
    avoid="For small patches on large pictures, when time matters; and when either of two objects would be enough.",
    asks=Question.WHERE,
    also="occlusion sensitivity, sliding window, perturbation, ablation, masking",
)
class Occlusion(Visualisation):
    """A patch slides over the picture; brightness shows how far the class score drops.

    The raw array (N, H, W) is the drop of the logit, averaged over the patches that hide a pixel, in logits. The paper
    takes the probability, and one number for each patch. One frame after each micro-batch, not yet hidden pixels zero.
    """

    look = staticmethod(render.heat)
    uses_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        patch: Annotated[
            int,
            Slider(
                "Side of the patch in pixels: small patches give finer maps, large ones hide more.",
                min=4,
                max=96,
                step=4,
            ),
        ] = 32,
        stride: Annotated[
            int,
            Slider(
                "How far the patch moves each time, in pixels: halving it takes four times as long.",
                min=2,
                max=48,
                step=2,
            ),
        ] = 16,
        fill: Annotated[
            float,
            Number(
                "Value of the patch, in the model's normalised units: 0 is the mean colour.", min=-10, max=10, step=0.5
            ),
        ] = 0.0,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        if stride > patch:
            raise MirrorError(f"A stride of {stride} leaves pixels that no patch of {patch} hides: at most {patch}.")
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        answers = target_score.predict(inputs)
        target = target_score.chosen(answers)
        whole = target_score.score(answers, target)
        boxes = _boxes((inputs.shape[2], inputs.shape[3]), patch, stride)
        lost, times = torch.zeros_like(inputs[:, 0]), torch.zeros_like(inputs[:, 0])

        def hidden(span: slice) -> Tensor:
            pairs = range(len(inputs) * len(boxes))[span]
            items = torch.tensor([pair // len(boxes) for pair in pairs], device=inputs.device)
            pictures = inputs[items]
            for picture, pair in zip(pictures, pairs, strict=True):
                picture[:, *boxes[pair % len(boxes)]] = fill
            return whole[items] - target_score.score(target_score.predict(pictures), target[items])

        for progress, span, drops in in_batches(hidden, len(inputs) * len(boxes), self.view):
            for pair, drop in zip(range(len(inputs) * len(boxes))[span], drops, strict=True):
                place = (pair // len(boxes), *boxes[pair % len(boxes)])
                lost[place] += drop
                times[place] += 1
            info = {**target_score.info(target), "note": "", "progress": progress}
            yield Attribution(lost / times.clamp(min=1), info)


def _boxes(size: tuple[int, int], patch: int, stride: int) -> list[Box]:
    """Return where the patch lies: the last ones of a row and of a column may reach over the picture's border."""
    starts = [range(0, max(side - patch, 0) + stride, stride) for side in size]
    return [(slice(top, top + patch), slice(left, left + patch)) for top in starts[0] for left in starts[1]]
