"""How the logit of a class changes with each pixel."""

import torch
from torch import Tensor

from mirror_app import probe
from mirror_app.visualisations.core.base import chosen_classes


def guided_gradient(view: probe.View, inputs: Tensor, target_class: int | None) -> Tensor:
    """Return the gradient of the class's logit by the inputs, (N, C, H, W), with only positive ones let past each ReLU.

    Springenberg et al. 2015, «Striving for Simplicity: The All Convolutional Net». Raises MirrorError where the model
    has no ReLU, or other activations.
    """
    pixels, output = view.output(inputs)
    probe.guide(output)
    logit = output.gather(1, chosen_classes(output, target_class)[:, None])
    return torch.autograd.grad(logit.sum(), pixels)[0]
