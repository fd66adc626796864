"""SmoothGrad: the gradient, averaged over noisy copies of the picture."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.params import Number, Slider, Toggle
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.gradients.back_prop import ZERO_GRADIENT, Guidable, gradient, note_for
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

HIDDEN_BY_NOISE = (
    "The noise is too strong: the target's score responds to the picture itself, but to none of the noisy copies. Use "
    "less noise, such as 0.02."
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
    """The gradient averaged over noisy copies of the picture, so that the gradient's own noise averages out.

        raw = 1/n · Σ_i ∂y/∂x (x + ε_i)        ε_i ~ Normal(0, s²)        s = sigma · (max x - min x)

    x is the normalised picture and y the target's score (the logit of a class). All pictures of a batch get the same
    noise, scaled by the range of each picture. There is one frame after each micro-batch: the mean so far.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because the gradient goes down to the pixels.
        n: Number of noisy copies, 1 to 200.
        sigma: Standard deviation of the noise as a fraction of the picture's range of values, 0 to 0.5.
        guide: Whether to average the gradients of guided backpropagation. This needs a model whose only activations are
            ReLUs or similar rectifiers.
        seed: Seed of the noise, 0 to 1,000,000. The same seed gives the same picture.
        target_class: Number of a class, from 0. None is the most likely class of each picture, without noise. A string
            names another target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, C, H, W), signed, in logits per unit of the
        normalised input; `info["target_class"]`, the class of each picture; `info["note"]`, only if a mean is zero
        everywhere.

    Raises:
        MirrorError: If no gradient leads from the target to the picture, if the target does not exist, if a parameter
            is out of its range, or if `guide` is set and the model has no rectifiers or has other activations.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import SmoothGrad
        >>> head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *head).eval()
        >>> images, info = SmoothGrad(model)(torch.rand(1, 3, 64, 64), n=8, sigma=0.1, target_class=3)
        >>> images.shape, info["raw"].shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 3, 64, 64]))

    References:
        Smilkov, Thorat, Kim, Viégas and Wattenberg 2017, "SmoothGrad: removing noise by adding noise",
        https://arxiv.org/abs/1706.03825
    """

    look = render.gradient
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
        gradient_sum, counts = torch.zeros_like(inputs), inputs.new_zeros(len(inputs), 1, 1, 1)

        def noisy_gradients(span: slice) -> tuple[Tensor, Tensor]:
            pairs = torch.arange(len(inputs) * n)[span]
            items = (pairs // n).to(inputs.device)
            noise = torch.stack([_normal(inputs[0], seeds[copy]) for copy in (pairs % n).tolist()])
            noisy = inputs[items] + deviation[items] * noise
            return items, gradient(target_score, noisy, target[items], probe.guide if guide else None)[0]

        for progress, _, (items, gradients) in in_batches(noisy_gradients, len(inputs) * n, self.view):
            gradient_sum.index_add_(0, items, gradients)
            counts.index_add_(0, items, torch.ones_like(counts[items]))
            info = target_score.info(target) | Info(progress=progress)
            is_zero = ~gradient_sum.flatten(1).any(1)
            if progress == 1 and is_zero.any():
                responds = gradient(target_score, inputs, target)[0].flatten(1).any(1)
                notes = (note_for(HIDDEN_BY_NOISE, is_zero & responds), note_for(ZERO_GRADIENT, is_zero & ~responds))
                info |= Info(note=" ".join(filter(None, notes)))
            yield Attribution(gradient_sum / counts.clamp(min=1), info)


def _normal(like: Tensor, seed: int) -> Tensor:
    """Return normal noise with the shape of `like`; one seed per copy makes it independent of the batch size."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed), dtype=like.dtype).to(like.device)
