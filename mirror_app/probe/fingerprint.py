"""Whether a model is still what it was, without reading its weights.

It is asked before and after each picture, so it is written with as few calls as possible.
"""

import gc
import operator
from collections import OrderedDict
from collections.abc import Collection
from itertools import compress

import torch
from torch import Tensor, nn


def fingerprint(model: nn.Module, but: Collection[int] = ()) -> list[object]:
    """Return what must stay the same in a model that is only looked at; cheap: no weight is read.

    `but` are the ids of tensors that may be written into.
    """
    found: list[object] = []
    for module in _modules(model):
        hooks = len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks)
        found += (id(module), module.training, hooks)
        for tensors in (module._parameters, module._buffers):
            found += [
                (name, id(t), t.requires_grad, t.grad is None, None if t.is_inference() or id(t) in but else t._version)
                for name, t in tensors.items()
                if t is not None
            ]
    return found


class Structure:
    """What a copy of `model` must be made anew for: its modules, hooks, tensors, storages and attributes.

    It holds them, so that none of them can give its address to another one.
    """

    def __init__(self, model: nn.Module) -> None:
        modules = _modules(model)
        values = gc.get_referents(*map(vars, modules))
        contents = gc.get_referents(*compress(values, map(_CONTAINERS.__contains__, map(type, values))))
        tensors = [tensor for tensor in contents if type(tensor) in _WITH_STORAGE and tensor.layout is torch.strided]
        self._objects = [*map(type, modules), *values, *contents]
        self._storages = [*map(Tensor.data_ptr, tensors)]

    def is_identical(self, other: "Structure") -> bool:
        """Tell whether both hold the very same objects."""
        return (
            len(self._objects) == len(other._objects)
            and all(map(operator.is_, self._objects, other._objects))
            and self._storages == other._storages
        )

    def ids(self) -> list[int]:
        """Return numbers that tell it from others, as long as its objects live."""
        return [*map(id, self._objects), *self._storages]


def _modules(model: nn.Module) -> list[nn.Module]:
    """Return `model` and all modules within it, each once."""
    found, met = [model], {id(model)}
    for module in found:
        for inner in module._modules.values():
            if inner is not None and id(inner) not in met:
                met.add(id(inner))
                found.append(inner)
    return found


_CONTAINERS = {dict, OrderedDict, list, tuple}
_WITH_STORAGE = {Tensor, nn.Parameter}  # others need not have one
