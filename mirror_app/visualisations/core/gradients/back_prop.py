"""How the logit of a class changes with each pixel."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.params import Toggle
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

ZERO = "The gradient is zero everywhere: no small change of a pixel moves the target's score."
Rewrite = Callable[[Tensor, probe.Rectifiers], None]


class Guidable(Visualisation):
    """A visualisation with a parameter `guide`: when guided, its pictures hardly depend on the model."""

    @classmethod
    def ignores_model(cls, params: Mapping[str, object]) -> bool:
        return bool(params.get("guide"))


@visualisation(
    "Back Prop",
    paper="Simonyan et al. 2014, “Deep Inside Convolutional Networks”, arxiv.org/abs/1312.6034",
    use="To see which pixels the answer is most sensitive to, at the cost of one backward pass.",
    avoid="To judge how much a region contributes: a gradient describes small changes, and it is noisy.",
    asks=Question.PIXELS,
    also="saliency map, vanilla gradient, backpropagation, guided backpropagation, sensitivity map",
)
class Gradient(Guidable):
    """How sensitive the class score is to each pixel: the gradient.

    The raw array is the signed gradient (N, C, H, W) by the normalised input; times that input it is a first guess of
    how much each pixel adds (Shrikumar et al. 2016). It does not depend on the layer.
    """

    look = staticmethod(render.gradient)
    uses_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        guide: Annotated[
            bool,
            Toggle(
                "Let only positive gradients pass each ReLU. Cleaner, but it shows edges whatever the class.",
                "Guided",
            ),
        ] = False,
        times_input: Annotated[
            bool,
            Toggle("Multiply the gradient by the input: roughly what each pixel adds to the score.", "Times the input"),
        ] = False,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        slope, target = gradient(target_score, inputs, rewrite=probe.guide if guide else None)
        note = noted(ZERO, ~slope.flatten(1).any(1))
        info = {**target_score.info(target), **({"note": note} if note else {})}
        yield Attribution(slope * inputs if times_input else slope, info)


def noted(note: str, concerns: Tensor) -> str:
    """Return the note with the numbers of the inputs that it `concerns` (N,); without them where it concerns all."""
    if not concerns.any() or concerns.all():
        return note if concerns.any() else ""
    numbers = (concerns.nonzero()[:, 0] + 1).tolist()
    return f"Input {', '.join(map(str, numbers))} of {len(concerns)}: {note}"


def gradient(
    target_score: TargetScore, inputs: Tensor, target: Tensor | None = None, rewrite: Rewrite | None = None
) -> tuple[Tensor, Tensor]:
    """Return the gradient of each item's score by the inputs (N, C, H, W), and which of the answers it is (N,).

    `target` says which, else `target_score` does. `rewrite`, `probe.guide` or `probe.deconvolve`, changes what passes
    the rectifiers: raises MirrorError where there are none on the way, or other activations.
    """
    rectifiers = probe.Rectifiers()
    with rectifiers if rewrite else nullcontext():
        pixels, answers = target_score.output(inputs)
    if target is None:
        target = target_score.chosen(answers)
    if rewrite is not None:
        rewrite(answers, rectifiers)
    return torch.autograd.grad(target_score.score(answers, target).sum(), pixels)[0], target
