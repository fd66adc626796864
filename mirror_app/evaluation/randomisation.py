"""Whether a picture depends on what the model has learned.

Adebayo et al. 2018, “Sanity Checks for Saliency Maps”, https://arxiv.org/abs/1810.03292.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.layers import Layer, stages
from mirror_app.probe import Clone

DEPTHS = 5
_QUANTISED = (torch.int8, torch.uint8)


@dataclass(frozen=True)
class Depth:
    """How far down from its output a model is shuffled: in words, and which layers that are."""

    label: str
    layers: tuple[str, ...]


def depths(listed: Sequence[Layer], max_count: int = DEPTHS) -> list[Depth]:
    """Return how far down weights may be shuffled, the least first: at most so many depths.

    listed: the layers of a model, as `layers.tree` gives them. First comes the last layer with weights of its own that
    runs, then all that begins after each stage has ended, and at the end everything. Raises MirrorError where nothing
    has weights.
    """
    begins, own = _beginnings(listed), _own_weights(listed)
    heads = [layer.name for layer in listed if layer.call and own[layer.name]]
    if not heads:
        raise MirrorError("The model has no layer with weights that could be shuffled.")
    top = max(heads, key=begins.__getitem__)
    cuts = [
        Depth(f"all above {stage}", tuple(name for name in begins if _above(name, stage, begins)))
        for stage in reversed(stages(listed)[:-1])
    ]
    found: list[Depth] = []
    for depth in (Depth(top, (top,)), *cuts, Depth("everything", tuple(begins))):
        if not found or _sum(own, depth) > _sum(own, found[-1]):
            found.append(depth)
    places = torch.linspace(0, len(found) - 1, min(max_count, len(found))).round().int().tolist()
    return [found[place] for place in places]


def with_weights_shuffled(model: nn.Module, layers: Collection[str], seed: int = 0) -> nn.Module:
    """Return a copy of `model` in which what the layers of those dotted names hold themselves is shuffled.

    Each of their tensors of weights keeps its numbers, in random order: the same order for the same seed, whatever else
    is shuffled. The copy shares all other weights, and the model is not touched.
    """
    clone = Clone(model).module
    for name in layers:
        generator = torch.Generator().manual_seed(seed)
        for weights in clone.get_submodule(name).parameters(recurse=False):
            order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
            weights.data = weights.detach().flatten()[order].view_as(weights)
    return clone


def with_last_layer_shuffled(model: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy of `model` with the weights of its last linear layer or convolution in random order.

    Raises MirrorError where there is none. What a method says of the copy should be something else.
    """
    found = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if not found:
        raise MirrorError("The model has no linear layer and no convolution whose weights could be shuffled.")
    return with_weights_shuffled(model, found[-1:], seed)


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Return Spearman's rank correlation of two maps of one shape: 1 for the same order, 0 for none in common.

    It is NaN where both are flat, the same number everywhere: there is no order to compare.
    """
    if all(bool((values == values.flatten()[0]).all()) for values in (one, other)):
        return math.nan
    ranks = [_ranks(values.flatten().double()) for values in (one, other)]
    centred = [rank - rank.mean() for rank in ranks]
    size = centred[0].norm() * centred[1].norm()
    return float(centred[0] @ centred[1] / size) if size > 0 else 0.0


def buffers_holding_weights(model: nn.Module) -> list[str]:
    """Return the names of the buffers that may be weights, such as frozen or quantised ones: they are not shuffled.

    Those are numbers in two axes or more, of real or 8-bit type, in a layer that holds no parameters itself.
    """
    return [
        f"{name}.{key}".lstrip(".")
        for name, module in model.named_modules()
        if not any(True for _ in module.parameters(recurse=False))
        for key, buffer in module.named_buffers(recurse=False)
        if (buffer.is_floating_point() or buffer.dtype in _QUANTISED) and sum(side > 1 for side in buffer.shape) > 1
    ]


def _beginnings(listed: Sequence[Layer]) -> dict[str, int]:
    """Return when each layer begins to run; one that never does itself begins with the layer that holds it."""
    begins: dict[str, int] = {}
    for layer in listed:  # parents before children
        begins[layer.name] = layer.call.order if layer.call else begins.get(layer.parent or "", 0)
    return begins


def _above(name: str, layer: str, begins: Mapping[str, int]) -> bool:
    return begins[name] > begins[layer] and not name.startswith(f"{layer}.")


def _sum(own: Mapping[str, int], depth: Depth) -> int:
    return sum(own[name] for name in depth.layers)


def _own_weights(listed: Sequence[Layer]) -> dict[str, int]:
    """Return how many weights each layer holds itself, and not in the layers within it."""
    own = {layer.name: layer.weights for layer in listed}
    for layer in listed:
        if layer.parent is not None:
            own[layer.parent] -= layer.weights
    return own


def _ranks(values: Tensor) -> Tensor:
    """Return the rank of each number; equal ones share the mean of theirs."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[place]
