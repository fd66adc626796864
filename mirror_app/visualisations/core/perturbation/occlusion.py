"""Occlusion: the drop in the class score while a patch hides part of the picture."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.params import Number, Slider
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

Box = tuple[slice, slice]


@visualisation(
    "Occlusion",
    paper="Zeiler and Fergus 2014, “Visualizing and Understanding Convolutional Networks”, https://arxiv.org/abs/1311.2901",
    use="For direct evidence from a black box, without gradients: hide a region and see what is lost.",
    avoid="When small patches on a large picture would take too long, or when either of two objects suffices: hiding "
    "one then changes little.",
    asks=Question.WHERE,
    also="occlusion sensitivity, sliding window, perturbation, ablation, masking",
)
class Occlusion(Visualisation):
    """A patch slides over the picture; brightness shows how far the class score drops.

        raw at a pixel = mean of f(x) - f(x with the patch at P), over the positions P that hide the pixel

    x is the normalised picture and f the target's score (the logit of a class). Patches start at multiples of the
    stride; the last patch of a row or column may extend beyond the picture. There is one frame (intermediate result)
    after each micro-batch; pixels not hidden yet are 0.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because only the model's output is used.
        patch: Side of the square patch in pixels, 4 to 96.
        stride: Distance between neighbouring patches in pixels, 2 to 48, at most `patch`.
        fill: Value of the patch in normalised units, -10 to 10. 0 is the mean colour.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, H, W), signed, in logits;
        `info["target_class"]`, the class of each picture.

    Raises:
        MirrorError: If the stride is larger than the patch, if a parameter is out of its range, or if the target does
            not exist.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Occlusion
        >>> head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *head).eval()
        >>> images, info = Occlusion(model)(torch.rand(1, 3, 64, 64), patch=32, stride=32, target_class=3)
        >>> images.shape, info["raw"].shape, len(info["raw"].unique())
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 64, 64]), 4)

    References:
        Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks",
        https://arxiv.org/abs/1311.2901

    Deviations from the paper:
        The paper plots the probability of the class for each position of the patch. The map here is the drop of the
        logit, averaged for each pixel.
    """

    look = render.heat
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
            raise MirrorError(
                f"A stride of {stride} leaves gaps between patches of {patch} pixels",
                culprit=str(stride),
                accepted=f"at most {patch}",
                hint=f"choose at most {patch}",
            )
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        answers = target_score.predict(inputs)
        target = target_score.chosen(answers)
        full_scores = target_score.score(answers, target)
        boxes = _boxes((inputs.shape[2], inputs.shape[3]), patch, stride)
        drop_sum, counts = torch.zeros_like(inputs[:, 0]), torch.zeros_like(inputs[:, 0])

        def drops_behind(span: slice) -> Tensor:
            pairs = range(len(inputs) * len(boxes))[span]
            items = torch.tensor([pair // len(boxes) for pair in pairs], device=inputs.device)
            pictures = inputs[items]
            for picture, pair in zip(pictures, pairs, strict=True):
                picture[:, *boxes[pair % len(boxes)]] = fill
            return full_scores[items] - target_score.score(target_score.predict(pictures), target[items])

        for progress, span, drops in in_batches(drops_behind, len(inputs) * len(boxes), self.view):
            for pair, drop in zip(range(len(inputs) * len(boxes))[span], drops, strict=True):
                hidden = (pair // len(boxes), *boxes[pair % len(boxes)])
                drop_sum[hidden] += drop
                counts[hidden] += 1
            info = target_score.info(target) | Info(note="", progress=progress)
            yield Attribution(drop_sum / counts.clamp(min=1), info)


def _boxes(size: tuple[int, int], patch: int, stride: int) -> list[Box]:
    """Return the positions of the patch; the last position in a row or column may extend beyond the picture."""
    starts = [range(0, max(side - patch, 0) + stride, stride) for side in size]
    return [(slice(top, top + patch), slice(left, left + patch)) for top in starts[0] for left in starts[1]]
