"""RISE: the model is asked for its output alone, with random masks over the picture."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.params import Number, Slider
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "RISE",
    paper="Petsiuk et al. 2018, “RISE”, https://arxiv.org/abs/1806.07421",
    use="For any model as a black box, without gradients; its maps are smooth.",
    avoid="When time matters, or for small objects: it takes hundreds of masked pictures and stays a little noisy.",
    asks=Question.WHERE,
    also="randomised input sampling, random masks, perturbation, saliency map",
)
class Rise(Visualisation):
    """The picture is covered with random masks; a pixel scores high if the model is confident whenever it is visible.

    The raw array (N, H, W) is the covariance of f and M over the masks M, divided by p: f is the class's probability
    (the softmax of the logits, or the sigmoid of a label's), or the value of a number or another target, and p the
    share that shows. That is the paper's map, the average of f M / p, minus
    the average of f: a pixel that does not matter is near 0. How often a pixel showed is counted, not expected, which
    leaves less noise. What is hidden becomes 0, the mean colour of normalised inputs. One frame after each micro-batch:
    the covariance so far.
    """

    look = staticmethod(render.heat)
    uses_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        n: Annotated[
            int, Slider("Number of masks: four times as many halve the noise.", "Masks", min=100, max=8000, step=100)
        ] = 1000,
        cells: Annotated[
            int,
            Slider(
                "Cells along each side of a mask: few for large objects, many for small ones.", min=2, max=16, step=1
            ),
        ] = 7,
        p: Annotated[
            float, Slider("Fraction of the picture that is visible.", "Shown", min=0.1, max=0.9, step=0.1)
        ] = 0.5,
        seed: Annotated[
            int, Number("Seed of the masks: the same number gives the same picture.", min=0, max=2**31 - 1)
        ] = 0,
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


def _masks(grids: Tensor, shifts: Tensor, size: tuple[int, int]) -> Tensor:
    """Return masks (B, H, W): `grids` (B, cells + 1, cells + 1) enlarged, and moved by `shifts` (B, 2) of a cell."""
    height, width = (-(-side // (grids.shape[1] - 1)) for side in size)  # of a cell
    large = render.resize(grids, (grids.shape[1] * height, grids.shape[2] * width))
    tops, lefts = (shifts * torch.tensor([height, width])).long().T.tolist()
    windows = zip(large, tops, lefts, strict=True)
    return torch.stack([mask[top : top + size[0], left : left + size[1]] for mask, top, left in windows])
