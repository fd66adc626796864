"""The gradient, averaged over noisy copies of the picture."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.params import Number, Slider, Toggle
from mirror_app.visualisations.core.base import Attribution, TargetClass
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.gradients.back_prop import ZERO, Guidable, gradient, noted
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

DROWNED = (
    "The noise drowns what is asked for: it responds to the picture itself and to none of the noisy copies. Take less "
    "noise, such as 0.02."
)


@visualisation(
    "SmoothGrad",
    paper="Smilkov et al. 2017, “SmoothGrad”, https://arxiv.org/abs/1706.03825",
    use="When a plain gradient is too noisy to read.",
    avoid="For exact contributions: the average is not the gradient of any one picture.",
    asks=Question.PIXELS,
    also="smooth gradient, noisy gradients, saliency map, sensitivity map",
)
class SmoothGrad(Guidable):
    """The gradient averaged over noisy copies of the picture: noise that varies between copies averages out.

    The raw array is the signed mean (N, C, H, W). The noise is normal; all items of a batch get the same. One frame
    after each micro-batch: the mean so far. It does not depend on the layer.
    """

    look = staticmethod(render.gradient)
    uses_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        n: Annotated[
            int,
            Slider(
                "Number of noisy copies: four times as many halve the remaining noise.",
                "Copies",
                min=1,
                max=200,
                step=1,
            ),
        ] = 32,
        sigma: Annotated[
            float,
            Slider(
                "Standard deviation of the noise, as a fraction of the picture's range of values.",
                "Noise",
                max=0.5,
                step=0.01,
            ),
        ] = 0.15,
        guide: Annotated[bool, Toggle("Let only positive gradients pass each ReLU.", "Guided")] = False,
        seed: Annotated[
            int, Number("Seed of the noise: the same number gives the same picture.", min=0, max=10**6)
        ] = 0,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        target = target_score.chosen(target_score.predict(inputs))
        deviation = sigma * (inputs.amax((1, 2, 3), keepdim=True) - inputs.amin((1, 2, 3), keepdim=True))
        seeds = torch.randint(2**62, (n,), generator=torch.Generator().manual_seed(seed)).tolist()
        total, times = torch.zeros_like(inputs), inputs.new_zeros(len(inputs), 1, 1, 1)

        def sampled(span: slice) -> tuple[Tensor, Tensor]:
            pairs = torch.arange(len(inputs) * n)[span]
            items = (pairs // n).to(inputs.device)
            noise = torch.stack([_normal(inputs[0], seeds[number]) for number in (pairs % n).tolist()])
            noisy = inputs[items] + deviation[items] * noise
            return items, gradient(target_score, noisy, target[items], probe.guide if guide else None)[0]

        for progress, _, (items, gradients) in in_batches(sampled, len(inputs) * n, self.view):
            total.index_add_(0, items, gradients)
            times.index_add_(0, items, torch.ones_like(times[items]))
            info = {**target_score.info(target), "progress": progress}
            silent = ~total.flatten(1).any(1)
            if progress == 1 and silent.any():
                responds = gradient(target_score, inputs, target)[0].flatten(1).any(1)
                notes = (noted(DROWNED, silent & responds), noted(ZERO, silent & ~responds))
                info["note"] = " ".join(filter(None, notes))
            yield Attribution(total / times.clamp(min=1), info)


def _normal(like: Tensor, seed: int) -> Tensor:
    """Return normal noise of the shape of `like`: each copy has a seed of its own, however many go together."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed), dtype=like.dtype).to(like.device)
