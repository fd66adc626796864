"""The loop: look, take the gradient of the objective down to the picture, step, and show the frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor

from mirror_app.errors import MirrorError
from mirror_app.optim.objectives import ForwardPass, Objective
from mirror_app.optim.operators import Operator
from mirror_app.optim.optimisers import Rule
from mirror_app.optim.parametrisations import Parametrisation, Pixels
from mirror_app.optim.space import PixelSpace
from mirror_app.optim.transforms import Transform
from mirror_app.probe import View, channels_first, redirect_dead_relu

_PIXELS = Pixels()


@dataclass(frozen=True)
class Step:
    """A picture under way, (N, C, H, W) in [0, 1], and the objective (N,) of the one before it."""

    pixels: Tensor
    value: Tensor


@dataclass(frozen=True)
class Ascent:
    """How to climb: what is raised, by which way, and what is done to the picture before and after each look."""

    view: View
    space: PixelSpace
    objective: Objective
    rule: Rule
    picture: Parametrisation = _PIXELS
    transforms: Sequence[Transform] = ()
    operators: Sequence[Operator] = ()

    def run(self, pixels: Tensor, steps: int, generator: Generator) -> Iterator[Step]:
        """Yield a frame after each of the steps from `pixels` (N, C, H, W) in [0, 1]; raise MirrorError."""
        size = (pixels.shape[2], pixels.shape[3])
        numbers = self.picture.encode(pixels)
        for _ in range(steps):
            value, gradient = self._look(numbers, size, generator)
            pixels = self.picture.decode(numbers + self.rule(gradient), size)
            for operator in self.operators:
                pixels = operator(pixels)
            numbers = self.picture.encode(pixels)
            yield Step(self.picture.decode(numbers, size), value)

    def _look(self, numbers: Tensor, size: tuple[int, int], generator: Generator) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = numbers.detach().requires_grad_()
            pixels = self.picture.decode(leaf, size)
            changed = pixels
            for transform in self.transforms:
                changed = transform(changed, generator)
            inputs = self.space.inputs(changed)
            outputs = self.view.outputs_of(inputs, self.objective.layers)
            value = self.objective(ForwardPass(pixels, outputs, partial(channels_first, self.view, inputs.detach())))
            gradient, through = _slopes(value, leaf, inputs)
            if not (moved := gradient.flatten(1).any(1)).all():
                redirect_dead_relu(value)
                revived, through = _slopes(value, leaf, inputs)
                gradient[~moved] = revived[~moved]
        if through is None or not through.any():
            raise MirrorError(
                "No gradient leads from the target to the picture, so that it would stay as it begins: choose another "
                "target or layer."
            )
        return value.detach(), gradient


def _slopes(value: Tensor, leaf: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the slope of `value` by the numbers of the picture, and by what the model is given; None without a way."""
    if not value.requires_grad:
        return torch.zeros_like(leaf), None
    gradient, through = torch.autograd.grad(value.sum(), [leaf, inputs], retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if gradient is None else gradient, through
