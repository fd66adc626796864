"""What the tests of odd models share."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.networks import state

PICTURES = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))
ONE = PICTURES[:1]
Build = Callable[[], nn.Module]


def as_it_stands(model: nn.Module) -> nn.Module:
    """A full copy in evaluation mode, which no code of the model was called for."""
    other = copy.deepcopy(model)
    for module in other.modules():
        vars(module)["training"] = False
    return other


def slopes(model: nn.Module, pictures: Tensor, target: int) -> Tensor:
    """The gradient of the class's logit for each picture alone, by plain autograd on a copy."""
    found = []
    for picture in pictures.split(1):
        leaf = picture.clone().requires_grad_()
        logits = as_it_stands(model)(leaf)
        found.append(torch.autograd.grad(logits.flatten()[target], leaf)[0])
    return torch.cat(found)


def state_and_attributes(model: nn.Module) -> list[object]:
    plain = (bool, int, float, str, list)
    return [
        *state(model),
        *(
            (name, value, len(value) if isinstance(value, list) else None)
            for name, value in vars(model).items()
            if isinstance(value, plain)
        ),
    ]
