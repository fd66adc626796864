"""Where in a layer's feature maps the evidence for a class lies."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.params import ClassPicker, Toggle
from mirror_app.registry import visualisation
from mirror_app.visualisations.core.base import Attribution, Visualisation, chosen_classes
from mirror_app.visualisations.core.gradients import class_gradient


@visualisation("Grad-CAM", paper="Selvaraju et al. 2017, «Grad-CAM», https://arxiv.org/abs/1610.02391")
class GradCam(Visualisation):
    """Where the model sees the class: the layer's maps, each weighted by how much the class's logit grows with it.

    The raw array is the signed sum (N, h, w), before the paper's ReLU, which the look applies. Guided, it is that ReLU
    enlarged to the picture (bilinear) times the guided gradient: (N, C, H, W).
    """

    look = staticmethod(render.heat)

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        guide: Annotated[
            bool,
            Toggle(
                "Times the guided gradient: fine detail, which shows edges even where they do not matter.", "Guided"
            ),
        ] = False,
        target_class: Annotated[
            int | None, ClassPicker("The class whose evidence is shown: any class, not only the most likely.", "Class")
        ] = None,
    ) -> Iterator[Attribution]:
        maps, output = self.view.split(inputs, layer)
        if maps.ndim != 4 or maps[0, 0].numel() == 1:
            shape = " × ".join(str(side) for side in maps.shape[1:])
            raise MirrorError(
                f"Grad-CAM needs a layer with a spatial map, and '{layer}' gives {shape}: "
                f"try '{self.view.layer(None)}', the last convolution."
            )
        target = chosen_classes(output, target_class)
        logit = output.gather(1, target[:, None]).sum()
        (gradient,) = torch.autograd.grad(logit, maps, allow_unused=True)
        if gradient is None:
            raise MirrorError(f"The model's output does not depend on the layer '{layer}': choose another.")
        weights = gradient.mean((2, 3), keepdim=True)
        evidence = (weights * maps).sum(1).detach()
        info = {"target_class": target.tolist(), "note": _note(evidence, gradient)}
        if guide:
            size = (inputs.shape[2], inputs.shape[3])
            fine, _ = class_gradient(self.view, inputs, target_class, guide=True)
            evidence = render.resize(evidence.relu(), size)[:, None] * fine
        yield Attribution(evidence, info)


def _note(evidence: Tensor, gradient: Tensor) -> str:
    if not gradient.any():
        return "The gradient is zero everywhere: this layer does not move this class's logit."
    if not (evidence > 0).any():
        return "Nothing in this layer speaks for this class; switch «Against, too» on to see what speaks against it."
    return ""
