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
    paper="Zeiler and Fergus 2014, «Visualizing Convolutional Networks», https://arxiv.org/abs/1311.2901",
    use="For the most tangible evidence, from a black box and without gradients: hide a place, and see what is lost.",
    avoid="For large pictures with small patches, when time matters; and where either of two things would do alone.",
    asks=Question.WHERE,
    also="occlusion sensitivity, sliding window, perturbation, ablation, masking",
)
class Occlusion(Visualisation):
    """A patch slides over the picture: how much of the class's logit goes when it hides a place.

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
                "The side of the patch in pixels: a small one is finer, a large one hides more.", min=4, max=96, step=4
            ),
        ] = 32,
        stride: Annotated[
            int,
            Slider(
                "How many pixels the patch moves at a time: half as far takes four times as long.",
                min=2,
                max=48,
                step=2,
            ),
        ] = 16,
        fill: Annotated[
            float,
            Number(
                "What the patch is filled with, as the model sees it: 0 is its mean colour.", min=-10, max=10, step=0.5
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
