"""Update rules: functions that turn the gradient (N, …) into a step, for each item of a batch independently."""

from collections.abc import Callable

import torch
from torch import Tensor

Rule = Callable[[Tensor], Tensor]


def steepest(lr: float) -> Rule:
    """Return steepest ascent with steps of fixed length, unlike PyTorch's SGD, whose steps grow with the gradient.

    step = lr · g / rms(g), with the root mean square of each item; a zero gradient gives a zero step.

    Args:
        lr: The root mean square of a step, in the units of the optimised numbers.

    Returns:
        The rule. It has no state.

    Example:
        >>> import torch
        >>> from mirror_app.optim import optimisers
        >>> optimisers.steepest(0.1)(torch.tensor([[3.0, -3.0], [0.0, 0.0]]))
        tensor([[ 0.1000, -0.1000],
                [ 0.0000,  0.0000]])

    References:
        Erhan et al. 2009, “Visualizing Higher-Layer Features of a Deep Network”.
    """

    def step(gradient: Tensor) -> Tensor:
        size = gradient.flatten(1).pow(2).mean(1).sqrt().view(-1, *[1] * (gradient.ndim - 1))
        return lr * gradient / torch.where(size > 0, size, 1)

    return step


def adam(lr: float) -> Rule:
    """Return Adam, which moves each number by about `lr`.

    step = lr · m / (√v + 10⁻¹²), with the bias-corrected running means m of the gradient (β₁ = 0.9) and v of its square
    (β₂ = 0.999).

    Args:
        lr: The learning rate, in the units of the optimised numbers.

    Returns:
        The rule. It has a state: use a new one for each ascent.

    Example:
        >>> import torch
        >>> from mirror_app.optim import optimisers
        >>> optimisers.adam(0.1)(torch.tensor([3.0, -0.2, 0.0]))
        tensor([ 0.1000, -0.1000,  0.0000])

    References:
        Kingma and Ba 2015, “Adam: A Method for Stochastic Optimization”, https://arxiv.org/abs/1412.6980.

    Deviations from the paper:
        ε is 10⁻¹² instead of 10⁻⁸.
    """
    position = torch.empty(0)
    optimiser = torch.optim.Adam([position], lr, eps=1e-12, maximize=True)

    def step(gradient: Tensor) -> Tensor:
        position.data = torch.zeros_like(gradient)  # starting from zero, the next position is the step itself
        position.grad = gradient
        optimiser.step()
        return position.data

    return step
