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

from mirror_app.probe.containers import are_same


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
    """The modules, hooks, tensors and attributes of a model; if they change, a copy of the model is outdated.

    A structure keeps references to these objects, so that no new object can reuse one of their ids.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modules = _modules(model)
        self._attributes = [*map(vars, self._modules)]
        values = gc.get_referents(*self._attributes)
        containers = compress(values, map(_CONTAINER_TYPES.__contains__, map(type, values)))
        self._holders = [*self._attributes, *containers]
        self._objects = gc.get_referents(*self._holders)
        self._types = [*map(type, self._modules)]
        self._storages = Storages([value for value in self._objects[len(values) :] if isinstance(value, Tensor)])

    def is_current(self) -> bool:
        """Tell whether the model still holds exactly these objects; `Storages` tells whether the tensors changed.

        While all modules and containers hold the same objects as before, there is none to look for anywhere else.
        """
        return (
            are_same([*map(vars, self._modules)], self._attributes)
            and are_same(gc.get_referents(*self._holders), self._objects)
            and are_same([*map(type, self._modules)], self._types)
        )

    def ids(self) -> list[int]:
        """Return numbers that identify this structure as long as its objects live."""
        return [*map(id, self._types), *map(id, self._objects), *self._storages.addresses]


class Storages:
    """Where `tensors` hold their values. Assigning to `tensor.data` or moving a model changes that, but no object."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = tensors
        self._types = [*map(type, tensors)]
        self._plain = [tensor for tensor in tensors if type(tensor) in _TENSOR_TYPES]
        self._layouts = [*map(_layout_of, self._plain)]
        self._strided = [tensor for tensor in tensors if has_address(tensor)]
        self.addresses = [*map(Tensor.data_ptr, self._strided)]

    def are_current(self) -> bool:
        """Tell whether all tensors are of the same kind as before, with their values at the same addresses."""
        return (
            are_same([*map(type, self._tensors)], self._types)
            and are_same([*map(_layout_of, self._plain)], self._layouts)
            and [*map(Tensor.data_ptr, self._strided)] == self.addresses
        )


def has_address(tensor: Tensor) -> bool:
    """Tell whether `tensor` has one storage; other types and layouts may have none."""
    return type(tensor) in _TENSOR_TYPES and tensor.layout is torch.strided


def _modules(model: nn.Module) -> list[nn.Module]:
    """Return `model` and all its submodules, each once."""
    modules, visited = [model], {id(model)}
    for module in modules:
        for child in module._modules.values():
            if child is not None and id(child) not in visited:
                visited.add(id(child))
                modules.append(child)
    return modules


_layout_of = operator.attrgetter("layout")
_CONTAINER_TYPES = {dict, OrderedDict, list, tuple}
_TENSOR_TYPES = {Tensor, nn.Parameter}
