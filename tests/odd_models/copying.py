"""Models that are hard to copy, or whose functions close over the model itself."""

import threading
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.odd_models.base import Small

# What cannot be copied.


class _Trainer:
    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.lock = threading.Lock()
        self.optimizer = torch.optim.SGD(model.parameters(), 0.1)


class _Refuses:
    def __deepcopy__(self, memo: object) -> None:
        raise RuntimeError("cannot be copied")


def with_a_lock() -> nn.Module:
    model: Any = Small()
    model.lock = threading.Lock()
    return model


def with_an_open_file() -> nn.Module:
    model: Any = Small()
    model.log = Path(__file__).open(encoding="utf-8")  # noqa: SIM115
    return model


def with_a_trainer() -> nn.Module:
    model: Any = Small()
    model.trainer = _Trainer(model)
    return model


def with_kept_outputs() -> nn.Module:
    model: Any = Small()
    model.outputs = [model(torch.rand(1, 3, 12, 12))]  # not a leaf: a deep copy raises
    return model


def with_a_hook_that_cannot_be_copied() -> nn.Module:
    refuses = _Refuses()
    model: Any = Small()
    model.conv.register_forward_hook(lambda _module, _inputs, output, own=refuses: output if own else None)
    return model


def with_a_generator() -> nn.Module:
    model: Any = Small()
    model.numbers = (number for number in range(3))
    return model


UNCOPYABLE = [
    with_a_lock,
    with_an_open_file,
    with_a_trainer,
    with_kept_outputs,
    with_a_hook_that_cannot_be_copied,
    with_a_generator,
]

# What closes over the model itself.


def forward_is_a_lambda() -> nn.Module:
    model = Small()
    model.forward = lambda inputs: Small.forward(model, inputs)  # type: ignore[method-assign]
    return model


def hook_runs_the_model() -> nn.Module:
    model = Small()
    model.first.register_forward_hook(lambda _module, _inputs, output: model.first.forward(output[:, :3]))
    return model


def forward_is_wrapped() -> nn.Module:
    model = Small()
    original = model.forward
    model.forward = lambda *inputs: original(*inputs)  # type: ignore[method-assign]
    return model


CLOSURES = [forward_is_a_lambda, hook_runs_the_model, forward_is_wrapped]


class UsesAGlobal(nn.Module):
    """Its forward names a model that it does not hold, whose batch norm is in training mode."""

    def __init__(self) -> None:
        super().__init__()
        global _NORM
        _NORM = nn.BatchNorm2d(3)
        self.held = [_NORM]
        self.net = Small()
        self.norm = _NORM

    def forward(self, inputs: Tensor) -> Any:
        return self.net(_NORM(inputs))


_NORM: nn.Module
