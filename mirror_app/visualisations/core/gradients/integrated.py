"""Integrated gradients: the gradient, integrated along the path from a baseline to the picture."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from mirror_app import render
from mirror_app.optim import PixelSpace, operators
from mirror_app.params import Dropdown, Number, Slider
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.gradients.back_prop import gradient
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

BASELINES = ("black", "white", "mean colour", "blur", "noise")


@visualisation(
    "Integrated gradients",
    paper="Sundararajan et al. 2017, “Axiomatic Attribution for Deep Networks”, https://arxiv.org/abs/1703.01365",
    use="When the contributions of all pixels must add up to the answer, with a known error.",
    avoid="When the object has the baseline's colour: with a black baseline, black objects get no attribution.",
    asks=Question.PIXELS,
    also="IG, saliency map, path attribution, axiomatic attribution, completeness",
)
class IntegratedGradients(Visualisation):
    """How much each pixel adds to the class score, along the straight line from a baseline to the picture.

        raw = (x - b) ⊙ ∫₀¹ ∂y/∂x (b + t (x - b)) dt

    x is the normalised picture, b the baseline and y the target's score (the logit of a class). The raw values of a
    picture add up to y(x) - y(b), except for the error of the integration. For each picture, `info["completeness"]` is
    this error as a fraction, (sum of raw - (y(x) - y(b))) / |y(x) - y(b)|. The integral is computed by Gauss-Legendre
    quadrature. There is one frame, or intermediate result, after each micro-batch.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because the gradient goes down to the pixels.
        steps: Number of points on the path, 2 to 300.
        baseline: Where the path starts: "black", "white", "mean colour" (0 in normalised units), "blur" (the picture
            itself, blurred) or "noise" (uniform). If the `mean` and `std` of the normalisation are known, black and
            white are the pixel values 0 and 1. Otherwise, black and white are the ends of the input's own range,
            extended to contain 0 and 1.
        seed: Seed of the noise, 0 to 1,000,000.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, C, H, W), signed, in logits;
        `info["completeness"]`, as above; `info["target_class"]`, the class of each picture; `info["note"]`, a caution
        if the completeness error exceeds 5%, or "".

    Raises:
        MirrorError: If no gradient leads from the target to the picture, if the target does not exist, if a
            parameter is out of its range, or if `mean` and `std` do not have one number for each channel.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import IntegratedGradients
        >>> model, inputs = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 5)), torch.rand(1, 3, 64, 64)
        >>> images, info = IntegratedGradients(model)(inputs, steps=8, baseline="mean colour", target_class=3)
        >>> gain = model(inputs)[0, 3] - model(torch.zeros_like(inputs))[0, 3]
        >>> torch.allclose(info["raw"].sum(), gain, atol=1e-4)
        True

    References:
        Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", https://arxiv.org/abs/1703.01365

    Deviations from the paper:
        The paper approximates the integral by a sum over equal steps, not by Gauss-Legendre quadrature.
        The class is the most likely one of the picture, and stays the same along the path.
    """

    look = render.gradient
    uses_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        steps: Annotated[
            int,
            Slider(
                "Points sampled along the path: with more of them, the contributions add up more exactly.",
                min=2,
                max=300,
                step=1,
            ),
        ] = 50,
        baseline: Annotated[
            str,
            Dropdown(
                "The picture at which the path starts, which should hold no information. A pixel whose colour equals "
                "the baseline's gets no attribution.",
                options=BASELINES,
            ),
        ] = "black",
        seed: Annotated[int, Number("Seed of the noise.", min=0, max=10**6, when=("baseline", "noise"))] = 0,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        baseline_inputs = self._baseline(inputs, baseline, seed)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        answers = target_score.predict(inputs)
        target = target_score.chosen(answers)
        baseline_score = target_score.score(target_score.predict(baseline_inputs), target)
        gain = target_score.score(answers, target) - baseline_score
        nodes, weights = (torch.from_numpy(part).to(inputs) for part in np.polynomial.legendre.leggauss(steps))
        nodes, weights = (nodes + 1) / 2, weights / 2  # from [-1, 1] to [0, 1]
        gradient_sum, weight_sum = torch.zeros_like(inputs), inputs.new_zeros(len(inputs), 1, 1, 1)

        def gradients_on_path(span: slice) -> tuple[Tensor, Tensor, Tensor]:
            pairs = torch.arange(len(inputs) * steps, device=inputs.device)[span]
            items, step = pairs // steps, pairs % steps
            points = torch.lerp(baseline_inputs[items], inputs[items], nodes[step, None, None, None])
            return items, weights[step, None, None, None], gradient(target_score, points, target[items])[0]

        for progress, _, (items, weight, gradients) in in_batches(gradients_on_path, len(inputs) * steps, self.view):
            gradient_sum.index_add_(0, items, weight * gradients)
            weight_sum.index_add_(0, items, weight)
            raw = (inputs - baseline_inputs) * gradient_sum
            if progress < 1:  # extrapolate the partial integral to the whole path
                raw = raw / torch.where(weight_sum == 0, 1, weight_sum)
            error = (raw.sum((1, 2, 3)) - gain) / torch.where(gain == 0, 1, gain.abs())
            info = target_score.info(target) | _completeness(error, progress)
            yield Attribution(raw, info | Info(baseline=baseline, progress=progress))

    def _baseline(self, inputs: Tensor, baseline: str, seed: int) -> Tensor:
        """Return the picture at which each item's path starts, (N, C, H, W)."""
        space = PixelSpace.of(inputs, self.mean, self.std)
        match baseline:
            case "black":
                return space.inputs(torch.zeros_like(inputs))
            case "white":
                return space.inputs(torch.ones_like(inputs))
            case "blur":
                return operators.blur(max(inputs.shape[2:]) / 16)(inputs)
            case "noise":
                noise = torch.rand(inputs.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=inputs.dtype)
                return space.inputs(noise.to(inputs.device).expand_as(inputs))
            case _:
                return torch.zeros_like(inputs)


def _completeness(error: Tensor, progress: float) -> Info:
    worst = float(error.abs().max())
    note = (
        ""
        if worst <= 0.05
        else f"The sum of the contributions is off by {worst:.0%} of the change in the score: use more steps."
    )
    detail = f"completeness error {worst:.1e}"
    return Info(completeness=error.tolist(), detail=detail, note=note if progress == 1 else "")
