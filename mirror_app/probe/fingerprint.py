"""Whether a model is still what it was, without reading its weights."""

from collections import OrderedDict
from collections.abc import Collection

import torch
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


def structure(model: nn.Module) -> list[int]:
    """Return what a copy of `model` must be made anew for: other modules, hooks, tensors, storages or attributes.

    Written with as few calls as may be, since it is asked before each picture.
    """
    found: list[int] = []
    waiting, met = [model], {id(model)}
    while waiting:
        module = waiting.pop()
        own = vars(module)
        found.append(id(type(module)))
        found += map(id, own.values())
        for value in own.values():
            kind = type(value)
            if kind in _MAPPINGS:
                found += map(id, value.values())
            elif kind in _SEQUENCES:
                found += map(id, value)
        for tensors in (own["_parameters"], own["_buffers"]):
            held = [tensor for tensor in tensors.values() if type(tensor) in _WITH_STORAGE]
            found += [tensor.data_ptr() for tensor in held if tensor.layout is torch.strided]
        for inner in own["_modules"].values():
            if inner is not None and id(inner) not in met:
                met.add(id(inner))
                waiting.append(inner)
    return found


_MAPPINGS = {dict, OrderedDict}
_SEQUENCES = {list, tuple}
_WITH_STORAGE = {Tensor, nn.Parameter}  # others need not have one
