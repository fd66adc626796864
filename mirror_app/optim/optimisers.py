"""How far to go, given the gradient (N, ...): a rule returns the step, item by item."""

from collections.abc import Callable

import torch
from torch import Tensor

Rule = Callable[[Tensor], Tensor]


def steepest(lr: float) -> Rule:
    """Along the gradient, so far that its root mean square is `lr`; where there is no gradient, nowhere."""

    def step(gradient: Tensor) -> Tensor:
        size = gradient.flatten(1).pow(2).mean(1).sqrt().view(-1, *[1] * (gradient.ndim - 1))
        return lr * gradient / torch.where(size > 0, size, 1)

    return step


def adam(lr: float) -> Rule:
    """Each number by about `lr`, from running means of its gradient and of that squared; a rule is for one ascent.

    Kingma and Ba 2015, “Adam”, https://arxiv.org/abs/1412.6980, with their β = (.9, .999).
    """
    means = [torch.zeros(()), torch.zeros(())]
    steps = 0

    def step(gradient: Tensor) -> Tensor:
        nonlocal steps
        steps += 1
        corrected = []
        for place, (beta, value) in enumerate(((0.9, gradient), (0.999, gradient.square()))):
            means[place] = torch.lerp(value, means[place].to(value).expand_as(value), beta)
            corrected.append(means[place] / (1 - beta**steps))
        return lr * corrected[0] / (corrected[1].sqrt() + 1e-12)

    return step
