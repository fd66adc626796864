"""How the class score changes with each pixel: the gradient, plain or guided."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.params import Toggle
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

ZERO_GRADIENT = "The gradient is zero everywhere: no small change of a pixel moves the target's score."
Rewrite = Callable[[Tensor, probe.Rectifiers], None]


class Guidable(Visualisation):
    """A visualisation with a parameter `guide`: when guided, its pictures hardly depend on the model."""

    @classmethod
    def ignores_model(cls, params: Mapping[str, object]) -> bool:
        return bool(params.get("guide"))


@visualisation(
    "Back Prop",
    paper="Simonyan et al. 2014, “Deep Inside Convolutional Networks”, https://arxiv.org/abs/1312.6034",
    use="To see which pixels the answer is most sensitive to, at the cost of one backward pass.",
    avoid="To judge how much a region contributes: a gradient describes small changes, and it is noisy.",
    asks=Question.PIXELS,
    also="saliency map, vanilla gradient, backpropagation, guided backpropagation, sensitivity map",
)
class Gradient(Guidable):
    """How sensitive the class score is to each pixel: the gradient.

        raw = ∂y/∂x        or, with `times_input`, raw = x ⊙ ∂y/∂x

    x is the normalised picture, y the target's score (the logit of a class) and ⊙ the product pixel by pixel.
    Multiplied by the input, the gradient is a first guess of how much each pixel adds to the score.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because the gradient goes down to the pixels.
        guide: Whether to use guided backpropagation, which also sets negative gradients to zero at each ReLU. This
            needs a model whose only activations are ReLUs or similar rectifiers.
        times_input: Whether to multiply the gradient by the input.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, C, H, W), signed, in logits per unit of the
        normalised input, or in logits with `times_input`; `info["target_class"]`, the class of each picture;
        `info["note"]`, only if a gradient is zero everywhere.

    Raises:
        MirrorError: If no gradient leads from the target to the picture, if the target does not exist, or if `guide`
            is set and the model has no rectifiers or has other activations.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Gradient
        >>> linear = nn.Linear(3 * 64 * 64, 5)
        >>> images, info = Gradient(nn.Sequential(nn.Flatten(), linear))(torch.rand(1, 3, 64, 64), target_class=3)
        >>> torch.equal(info["raw"].flatten(), linear.weight[3])
        True

    References:
        Simonyan, Vedaldi and Zisserman 2014, "Deep Inside Convolutional Networks: Visualising Image Classification
        Models and Saliency Maps", https://arxiv.org/abs/1312.6034
        Springenberg, Dosovitskiy, Brox and Riedmiller 2015, "Striving for Simplicity: The All Convolutional Net",
        https://arxiv.org/abs/1412.6806, for `guide`
        Shrikumar, Greenside, Shcherbina and Kundaje 2016, "Not Just a Black Box: Learning Important Features Through
        Propagating Activation Differences", https://arxiv.org/abs/1605.01713, for `times_input`

    Deviations from the paper:
        The gradient is signed and has a map for each colour. The default colouring shows the paper's map: the largest
        magnitude over the colours.
    """

    look = render.gradient
    uses_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        guide: Annotated[
            bool,
            Toggle(
                "Let only positive gradients pass each ReLU. Pictures are cleaner, but show edges whatever the class.",
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
        input_gradient, target = gradient(target_score, inputs, rewrite=probe.guide if guide else None)
        note = note_for(ZERO_GRADIENT, ~input_gradient.flatten(1).any(1))
        info = target_score.info(target) | Info(note=note or None)
        yield Attribution(input_gradient * inputs if times_input else input_gradient, info)


def note_for(note: str, affected: Tensor) -> str:
    """Return the note, prefixed with the numbers of the `affected` inputs (N,).

    The prefix is left out if all inputs are affected. If no input is affected, the result is "".
    """
    if not affected.any() or affected.all():
        return note if affected.any() else ""
    numbers = (affected.nonzero()[:, 0] + 1).tolist()
    return f"Input {', '.join(map(str, numbers))} of {len(affected)}: {note}"


def gradient(
    target_score: TargetScore, inputs: Tensor, target: Tensor | None = None, rewrite: Rewrite | None = None
) -> tuple[Tensor, Tensor]:
    """Return the gradient of each item's score with respect to the inputs, and the index of the answer used as score.

    The gradient has the shape (N, C, H, W), and the index the shape (N,).

    Args:
        target_score: Computes the model's answers, and picks the score from them.
        inputs: Pictures (N, C, H, W).
        target: The index of the answer used as each item's score (N,); None leaves the choice to `target_score`.
        rewrite: `probe.guide` or `probe.deconvolve`, which change the gradient that passes the rectifiers.

    Raises:
        MirrorError: If `rewrite` is given and the score was computed without rectifiers, or with other activations.
    """
    rectifiers = probe.Rectifiers()
    with rectifiers if rewrite else nullcontext():
        pixels, answers = target_score.output(inputs)
    if target is None:
        target = target_score.chosen(answers)
    if rewrite is not None:
        rewrite(answers, rectifiers)
    return torch.autograd.grad(target_score.score(answers, target).sum(), pixels)[0], target
