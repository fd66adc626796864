"""The gradient, summed up on the way from a picture without information to the picture."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from mirror_app import render
from mirror_app.optim import PixelSpace, operators
from mirror_app.params import Dropdown, Number, Slider
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.batching import in_batches
from mirror_app.visualisations.core.gradients.back_prop import gradient
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

BASELINES = ("black", "white", "mean colour", "blur", "noise")


@visualisation(
    "Integrated gradients",
    paper="Sundararajan et al. 2017, “Axiomatic Attribution for Deep Networks”, https://arxiv.org/abs/1703.01365",
    use="When the contributions of all pixels must add up to the answer, with a known error.",
    avoid="When the object has the baseline's colour: black objects do not count against a black baseline.",
    asks=Question.PIXELS,
    also="IG, saliency map, path attribution, axiomatic attribution, completeness",
)
class IntegratedGradients(Visualisation):
    """How much each pixel adds to the class score, along the straight line from a baseline to the picture.

    The raw array (N, C, H, W) is (x - b) · ∫ gradient(b + t (x - b)) dt, by Gauss and Legendre's rule. It adds up to
    the difference of the logits of x and b: `completeness` in info is what is missing, as a share of that difference.
    Black and white are those of pixels where the normalisation is known, else the ends of the input's own range.
    """

    look = staticmethod(render.gradient)
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
                "What the way begins from: a picture in which there is nothing to see. Where it has the picture's own "
                "colour, that pixel cannot count.",
                options=BASELINES,
            ),
        ] = "black",
        seed: Annotated[int, Number("Seed of the noise.", min=0, max=10**6, when=("baseline", "noise"))] = 0,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        start = self._start(inputs, baseline, seed)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        answers = target_score.predict(inputs)
        target = target_score.chosen(answers)
        gained = target_score.score(answers, target) - target_score.score(target_score.predict(start), target)
        nodes, weights = (torch.from_numpy(part).to(inputs) for part in np.polynomial.legendre.leggauss(steps))
        nodes, weights = (nodes + 1) / 2, weights / 2  # from [-1, 1] to [0, 1]
        total, seen = torch.zeros_like(inputs), inputs.new_zeros(len(inputs), 1, 1, 1)

        def sampled(span: slice) -> tuple[Tensor, Tensor, Tensor]:
            pairs = torch.arange(len(inputs) * steps, device=inputs.device)[span]
            items, number = pairs // steps, pairs % steps
            between = torch.lerp(start[items], inputs[items], nodes[number, None, None, None])
            return items, weights[number, None, None, None], gradient(target_score, between, target[items])[0]

        for progress, _, (items, weight, gradients) in in_batches(sampled, len(inputs) * steps, self.view):
            total.index_add_(0, items, weight * gradients)
            seen.index_add_(0, items, weight)
            raw = (
                (inputs - start) * total / torch.where(seen == 0, 1, seen) if progress < 1 else (inputs - start) * total
            )
            missing = (raw.sum((1, 2, 3)) - gained) / torch.where(gained == 0, 1, gained.abs())
            info = {**target_score.info(target), "completeness": missing.tolist(), "progress": progress}
            yield Attribution(raw, {**info, "baseline": baseline, **_told(missing, progress)})

    def _start(self, inputs: Tensor, baseline: str, seed: int) -> Tensor:
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


def _told(missing: Tensor, progress: float) -> dict[str, str]:
    worst = float(missing.abs().max())
    note = f"The pixels' shares miss the change of the logit by {worst:.0%}: take more steps." if worst > 0.05 else ""
    return {"detail": f"completeness error {worst:.1e}", "note": note if progress == 1 else ""}
