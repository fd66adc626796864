"""A copy of a model that shares its weights: its modules, flags and hooks are its own, and its weights are frozen."""

import copy

import torch
from torch import Tensor, nn


def structural_clone(model: nn.Module, device: torch.device | str | None) -> nn.Module:
    """Return the copy in evaluation mode, with nothing in place; on another `device` weights are copied too."""
    shared: dict[int, object] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor):
                shared[id(value)] = value
    for buffer in model.buffers():
        shared[id(buffer)] = buffer.to(device) if device else buffer
    for parameter in model.parameters():
        shared[id(parameter)] = _frozen(parameter, device)
    clone = copy.deepcopy(model, shared).eval()
    for module in clone.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return clone


def _frozen(parameter: nn.Parameter, device: torch.device | str | None) -> nn.Parameter:
    weights = parameter.detach()
    if weights.is_inference():
        with torch.inference_mode(False):
            weights = weights.clone()
    return nn.Parameter(weights.to(device) if device else weights, requires_grad=False)
