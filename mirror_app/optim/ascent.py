"""The loop of gradient ascent: forward pass, gradient of the objective with respect to the picture, and step."""

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
    """One step of an ascent.

    Attributes:
        pixels: The picture after the step, (N, C, H, W) in [0, 1].
        value: The objective (N,) of the picture before the step.

    Example:
        >>> import torch
        >>> from mirror_app.optim import Step
        >>> Step(torch.full((1, 3, 8, 8), 0.5), torch.tensor([1.25])).value
        tensor([1.2500])
    """

    pixels: Tensor
    value: Tensor


@dataclass(frozen=True)
class Ascent:
    """Gradient ascent on pictures.

    The parameters θ describe the pixels x(θ). With a random transform T and the objective J, each step is
    θ ← θ + rule(∂J(T(x(θ))) / ∂θ); the operators are then applied to x(θ).

    Args:
        view: The private view of the model.
        space: Converts pixels in [0, 1] to the inputs of the model.
        objective: The number to raise, one per picture.
        rule: A function that turns the gradient into a step, such as `optimisers.adam(0.05)`. A rule may have a state,
            so use a new one for each run.
        parametrisation: The numbers to optimise: pixels (`Pixels`) or waves (`Fourier`).
        transforms: Random transforms of the picture before each forward pass.
        operators: Functions applied to the pixels after each step, such as `operators.blur(0.3)`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.optim import Ascent, PixelSpace, objectives, optimisers
        >>> from mirror_app.probe import View
        >>> model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False))
        >>> _ = nn.init.constant_(model[0].weight, 2.0)
        >>> grey = torch.full((1, 1, 4, 4), 0.5)
        >>> ascent = Ascent(
        ...     View(model), PixelSpace.of(grey, None, None), objectives.channel("0", 0), optimisers.steepest(0.1)
        ... )
        >>> for step in ascent.run(grey, 3, torch.Generator()):
        ...     print(round(step.value.item(), 3), round(step.pixels.mean().item(), 3))
        1.0 0.6
        1.2 0.7
        1.4 0.8
    """

    view: View
    space: PixelSpace
    objective: Objective
    rule: Rule
    parametrisation: Parametrisation = _PIXELS
    transforms: Sequence[Transform] = ()
    operators: Sequence[Operator] = ()

    def run(self, pixels: Tensor, steps: int, generator: Generator) -> Iterator[Step]:
        """Yield the picture after each step.

        Args:
            pixels: The initial pictures (N, C, H, W) in [0, 1].
            steps: The number of steps.
            generator: The source of randomness of the transforms.

        Yields:
            The `Step`s in order.

        Raises:
            MirrorError: If the objective has no gradient with respect to the model's input, or reads a channel that its
                layer does not have.
        """
        size = (pixels.shape[2], pixels.shape[3])
        parameters = self.parametrisation.encode(pixels)
        for _ in range(steps):
            value, gradient = self._evaluate(parameters, size, generator)
            pixels = self.parametrisation.decode(parameters + self.rule(gradient), size)
            for operator in self.operators:
                pixels = operator(pixels)
            parameters = self.parametrisation.encode(pixels)
            yield Step(self.parametrisation.decode(parameters, size), value)

    def _evaluate(self, parameters: Tensor, size: tuple[int, int], generator: Generator) -> tuple[Tensor, Tensor]:
        """Return the objective (N,) and its gradient with respect to `parameters`."""
        with torch.enable_grad():
            leaf = parameters.detach().requires_grad_()
            pixels = self.parametrisation.decode(leaf, size)
            transformed = pixels
            for transform in self.transforms:
                transformed = transform(transformed, generator)
            inputs = self.space.inputs(transformed)
            outputs = self.view.outputs_of(inputs, self.objective.layers)
            value = self.objective(ForwardPass(pixels, outputs, partial(channels_first, self.view, inputs.detach())))
            gradient, input_gradient = _gradients(value, leaf, inputs)
            has_gradient = gradient.flatten(1).any(1)
            if input_gradient is not None:  # a penalty's gradient may hide that the model's is zero
                has_gradient &= input_gradient.flatten(1).any(1)
            if not has_gradient.all():
                redirect_dead_relu(value)
                redirected, input_gradient = _gradients(value, leaf, inputs)
                gradient[~has_gradient] = redirected[~has_gradient]
        if input_gradient is None or not input_gradient.any():
            raise MirrorError(
                "The target has no gradient with respect to the picture, so the picture would never change",
                hint="choose another target or layer",
            )
        return value.detach(), gradient


def _gradients(value: Tensor, leaf: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of `value` with respect to `leaf` (or zeros) and to `inputs` (or None)."""
    if not value.requires_grad:
        return torch.zeros_like(leaf), None
    gradient, input_gradient = torch.autograd.grad(value.sum(), [leaf, inputs], retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if gradient is None else gradient, input_gradient
