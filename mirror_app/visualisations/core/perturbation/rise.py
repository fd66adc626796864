"""RISE: how the class probability varies with the pixels that random masks leave visible."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.params import Number, Slider
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "RISE",
    paper="Petsiuk et al. 2018, “RISE”, https://arxiv.org/abs/1806.07421",
    use="For any model as a black box, without gradients. The maps of RISE are smooth.",
    avoid="When time matters, or for small objects: it takes hundreds of masked pictures and stays a little noisy.",
    asks=Question.WHERE,
    also="randomised input sampling, random masks, perturbation, saliency map",
)
class Rise(Visualisation):
    """Random masks cover the picture; a pixel scores high if the model is confident whenever that pixel is visible.

        raw = cov(f(x ⊙ M), M) / p

    x is the normalised picture, M a random mask with values in [0, 1], and f the probability of the class (the softmax
    of the logits, or the sigmoid of a label's logit) or the value of another target. The covariance is taken over the n
    masks, for each pixel. A mask is a grid of cells, each visible with probability p, enlarged to the picture
    (bilinear) and shifted by a random fraction of a cell. Masked pixels become 0, the mean colour of normalised inputs.
    There is one frame after each micro-batch: the covariance so far.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because only the model's output is used.
        n: Number of masks, 100 to 8000. Four times as many halve the noise.
        cells: Cells along each side of a mask, 2 to 16.
        p: Fraction of the picture that is visible, 0.1 to 0.9.
        seed: Seed of the masks, 0 to 2³¹ - 1. The same seed gives the same picture.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, H, W), signed, in units of probability;
        `info["target_class"]`, the class of each picture.

    Raises:
        MirrorError: If a parameter is out of its range, or if the target does not exist.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Rise
        >>> head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *head).eval()
        >>> images, info = Rise(model)(torch.rand(1, 3, 64, 64), n=100, cells=4, target_class=3)
        >>> images.shape, info["raw"].shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 64, 64]))

    References:
        Petsiuk, Das and Saenko 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
        https://arxiv.org/abs/1806.07421

    Deviations from the paper:
        The paper's map is the mean of f(x ⊙ M) · M / p. Here, the mean of f is subtracted, so that a pixel that does
        not matter is near 0. To reduce noise, each pixel's actual visibility is used instead of its expected value.
    """

    look = render.heat
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
        product_sum, mask_sum = torch.zeros_like(inputs[:, 0]), torch.zeros_like(inputs[:, 0])
        score_sum, counts = (inputs.new_zeros(len(inputs), 1, 1) for _ in range(2))

        def masked_scores(span: slice) -> tuple[Tensor, Tensor, Tensor]:
            pairs = torch.arange(len(inputs) * n)[span]
            items, number = (pairs // n).to(inputs.device), pairs % n
            masks = _masks(grids[number], shifts[number], size)
            likelihood = target_score.likelihood(target_score.predict(inputs[items] * masks[:, None]))
            return items, masks, target_score.score(likelihood, target[items])[:, None, None]

        for progress, _, (items, masks, scores) in in_batches(masked_scores, len(inputs) * n, self.view):
            terms = (scores * masks, masks, scores, torch.ones_like(scores))
            for total, term in zip((product_sum, mask_sum, score_sum, counts), terms, strict=True):
                total.index_add_(0, items, term.to(total))
            covariance = (product_sum - score_sum * mask_sum / counts.clamp(min=1)) / (counts - 1).clamp(min=1)
            info = target_score.info(target) | Info(note="", progress=progress)
            yield Attribution(covariance / p, info)


def _masks(grids: Tensor, shifts: Tensor, size: tuple[int, int]) -> Tensor:
    """Return masks (B, H, W): `grids` (B, cells + 1, cells + 1), enlarged and shifted.

    `shifts` (B, 2), fractions of a cell in [0, 1), shift the crop window downwards and to the right; `size` is
    (H, W).
    """
    height, width = (-(-side // (grids.shape[1] - 1)) for side in size)  # the size of a cell, rounded up
    enlarged = render.resize(grids, (grids.shape[1] * height, grids.shape[2] * width))
    tops, lefts = (shifts * torch.tensor([height, width])).long().T.tolist()
    windows = zip(enlarged, tops, lefts, strict=True)
    return torch.stack([mask[top : top + size[0], left : left + size[1]] for mask, top, left in windows])
