"""Cheap checks that a model is unchanged, without reading its weights.

They run before and after each picture, so they make as few calls as possible.
"""

import gc
import operator
from collections import OrderedDict
from collections.abc import Collection
from itertools import compress

import torch
from torch import Tensor, nn


def fingerprint(model: nn.Module, writable: Collection[int] = ()) -> list[object]:
    """Return the state of a model that must not change while it is inspected; no weight is read.

    The versions of tensors whose ids are in `writable` are ignored.
    """
    state: list[object] = []
    for module in _modules(model):
        hooks = len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks)
        state += (id(module), module.training, hooks)
        for tensors in (module._parameters, module._buffers):
            state += [
                (
                    name,
                    id(tensor),
                    tensor.requires_grad,
                    tensor.grad is None,
                    None if tensor.is_inference() or id(tensor) in writable else tensor._version,
                )
                for name, tensor in tensors.items()
                if tensor is not None
            ]
    return state


class Structure:
    """The modules, hooks, tensors, storages and attributes of a model; if they change, a copy of the model is outdated.

    A structure keeps references to these objects, so that no new object can reuse one of their ids.
    """

    def __init__(self, model: nn.Module) -> None:
        modules = _modules(model)
        values = gc.get_referents(*map(vars, modules))
        contents = gc.get_referents(*compress(values, map(_CONTAINER_TYPES.__contains__, map(type, values))))
        tensors = [tensor for tensor in contents if type(tensor) in _TENSOR_TYPES and tensor.layout is torch.strided]
        self._objects = [*map(type, modules), *values, *contents]
        self._storages = [*map(Tensor.data_ptr, tensors)]

    def is_identical(self, other: "Structure") -> bool:
        """Tell whether both hold exactly the same objects."""
        return (
            len(self._objects) == len(other._objects)
            and all(map(operator.is_, self._objects, other._objects))
            and self._storages == other._storages
        )

    def ids(self) -> list[int]:
        """Return numbers that identify this structure as long as its objects live."""
        return [*map(id, self._objects), *self._storages]


def _modules(model: nn.Module) -> list[nn.Module]:
    """Return `model` and all its submodules, each once."""
    modules, visited = [model], {id(model)}
    for module in modules:
        for child in module._modules.values():
            if child is not None and id(child) not in visited:
                visited.add(id(child))
                modules.append(child)
    return modules


_CONTAINER_TYPES = {dict, OrderedDict, list, tuple}
_TENSOR_TYPES = {Tensor, nn.Parameter}  # other types may have no storage
