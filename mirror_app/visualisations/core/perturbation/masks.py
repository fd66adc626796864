"""What the model loses when part of the picture is hidden; it is asked only for its output, and may be anything inside.

The layer plays no part in these.
"""

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
    of_layer = False

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


@visualisation(
    "RISE",
    paper="Petsiuk et al. 2018, «RISE», https://arxiv.org/abs/1806.07421",
    use="For any model, as a black box, without gradients; its maps are smooth.",
    avoid="When time matters, or for small things: it takes hundreds of masked pictures, and stays a little noisy.",
    asks=Question.WHERE,
    also="randomised input sampling, random masks, perturbation, saliency map",
)
class Rise(Visualisation):
    """The picture is covered with random masks; a pixel scores high if the score is high whenever it is visible.

    The raw array (N, H, W) is the covariance of f and M over the masks M, divided by p: f is the class's probability
    (the softmax of the logits, or the sigmoid of a label's), or the value of a number or another target, and p the
    share that shows. That is the paper's map, the average of f M / p, minus
    the average of f: a pixel that does not matter is near 0. How often a pixel showed is counted, not expected, which
    leaves less noise. What is hidden becomes 0, the mean colour of normalised inputs. One frame after each micro-batch:
    the covariance so far.
    """

    look = staticmethod(render.heat)
    of_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        n: Annotated[
            int, Slider("How many masks: four times as many halve the noise.", "Masks", min=100, max=8000, step=100)
        ] = 1000,
        cells: Annotated[
            int,
            Slider(
                "A mask has so many cells a side: few for large things, many for small ones.", min=2, max=16, step=1
            ),
        ] = 7,
        p: Annotated[float, Slider("The share of the picture that shows.", "Shown", min=0.1, max=0.9, step=0.1)] = 0.5,
        seed: Annotated[int, Number("Other masks; the same number gives the same picture.", min=0, max=2**31 - 1)] = 0,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        size = (inputs.shape[2], inputs.shape[3])
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        target = target_score.chosen(target_score.predict(inputs))
        generator = torch.Generator().manual_seed(seed)
        grids = (torch.rand(n, cells + 1, cells + 1, generator=generator, dtype=torch.float32) < p).to(inputs)
        shifts = torch.rand(n, 2, generator=generator, dtype=torch.float32)
        both, shown = torch.zeros_like(inputs[:, 0]), torch.zeros_like(inputs[:, 0])
        certain, times = (inputs.new_zeros(len(inputs), 1, 1) for _ in range(2))

        def masked(span: slice) -> tuple[Tensor, Tensor, Tensor]:
            pairs = torch.arange(len(inputs) * n)[span]
            items, number = (pairs // n).to(inputs.device), pairs % n
            masks = _masks(grids[number], shifts[number], size)
            sure = target_score.likelihood(target_score.predict(inputs[items] * masks[:, None]))
            return items, masks, target_score.score(sure, target[items])[:, None, None]

        for progress, _, (items, masks, sure) in in_batches(masked, len(inputs) * n, self.view):
            for total, part in ((both, sure * masks), (shown, masks), (certain, sure), (times, torch.ones_like(sure))):
                total.index_add_(0, items, part.to(total))
            info = {**target_score.info(target), "note": "", "progress": progress}
            yield Attribution((both - certain * shown / times.clamp(min=1)) / (times - 1).clamp(min=1) / p, info)


def _boxes(size: tuple[int, int], patch: int, stride: int) -> list[Box]:
    """Return where the patch lies: the last ones of a row and of a column may reach over the picture's border."""
    starts = [range(0, max(side - patch, 0) + stride, stride) for side in size]
    return [(slice(top, top + patch), slice(left, left + patch)) for top in starts[0] for left in starts[1]]


def _masks(grids: Tensor, shifts: Tensor, size: tuple[int, int]) -> Tensor:
    """Return masks (B, H, W): `grids` (B, cells + 1, cells + 1) enlarged, and moved by `shifts` (B, 2) of a cell."""
    height, width = (-(-side // (grids.shape[1] - 1)) for side in size)  # of a cell
    large = render.resize(grids, (grids.shape[1] * height, grids.shape[2] * width))
    tops, lefts = (shifts * torch.tensor([height, width])).long().T.tolist()
    windows = zip(large, tops, lefts, strict=True)
    return torch.stack([mask[top : top + size[0], left : left + size[1]] for mask, top, left in windows])
