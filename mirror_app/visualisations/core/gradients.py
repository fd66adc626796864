"""How the logit of a class changes with each pixel."""

from collections.abc import Callable, Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.params import Toggle
from mirror_app.registry import visualisation
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation, chosen_classes

Rewrite = Callable[[Tensor], None]


@visualisation("Back Prop", paper="Simonyan et al. 2014, «Deep Inside Convolutional Networks», arxiv.org/abs/1312.6034")
class SaliencyMap(Visualisation):
    """How much the class's logit grows with each pixel: the gradient, in the colours of the picture.

    The raw array is the signed gradient (N, C, H, W) by the normalised input; times that input it is a first guess of
    how much each pixel adds (Shrikumar et al. 2016). It does not depend on the layer.
    """

    look = staticmethod(render.gradient)
    of_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        guide: Annotated[
            bool,
            Toggle(
                "Guided: only positive gradients pass each ReLU. Cleaner, but it shows edges whatever the class is.",
                "Guided",
            ),
        ] = False,
        times_input: Annotated[
            bool, Toggle("The gradient times the input: what each pixel adds to the logit, roughly.", "Times the input")
        ] = False,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        gradient, target = class_gradient(self.view, inputs, target_class, probe.guide if guide else None)
        yield Attribution(gradient * inputs if times_input else gradient, {"target_class": target.tolist()})


def class_gradient(
    view: probe.View, inputs: Tensor, target_class: int | Tensor | None, rewrite: Rewrite | None = None
) -> tuple[Tensor, Tensor]:
    """Return the gradient of each item's class logit by the inputs (N, C, H, W), and the classes (N,).

    `rewrite`, `probe.guide` or `probe.deconvolve`, changes what passes the ReLUs: raises MirrorError where the model
    has none, or other activations.
    """
    pixels, output = view.output(inputs)
    target = chosen_classes(output, target_class)
    if rewrite is not None:
        rewrite(output)
    return torch.autograd.grad(output.gather(1, target[:, None]).sum(), pixels)[0], target
