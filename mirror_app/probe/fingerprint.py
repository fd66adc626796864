"""Whether a model is still what it was, without reading its weights."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Any

from torch import Tensor, nn


def fingerprint(model: nn.Module, but: Collection[int] = ()) -> tuple[object, ...]:
    """Return what must stay the same in a model that is only looked at; cheap: no weight is read.

    `but` are the ids of tensors that may be written into.
    """
    modules = tuple(
        (name, id(m), m.training, len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
        for name, m in model.named_modules()
    )
    tensors = tuple(
        (name, id(t), t.requires_grad, t.grad is None, None if t.is_inference() or id(t) in but else t._version)
        for named in (model.named_parameters(), model.named_buffers())
        for name, t in named
    )
    return modules, tensors


def structure(model: nn.Module) -> tuple[object, ...]:
    """Return what a copy of `model` must be made anew for: other modules, hooks, tensors, storages or attributes."""
    return tuple(_of_module(module) for module in model.modules())


def _of_module(module: nn.Module) -> tuple[int, ...]:
    own = vars(module).values()
    held = [id(part) for value in own if type(value) in _HOLDERS for part in _parts(value)]
    tensors = (*module._parameters.values(), *module._buffers.values())
    storages = [tensor.data_ptr() for tensor in tensors if tensor is not None and type(tensor) in _PLAIN]
    return (id(module), *map(id, own), *held, *storages)


_HOLDERS = {dict, OrderedDict, list, tuple}
_PLAIN = {Tensor, nn.Parameter, nn.Buffer}  # others need not have a storage


def _parts(value: Any) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value
