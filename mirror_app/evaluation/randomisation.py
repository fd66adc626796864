"""Tests whether an attribution depends on what the model has learned, by shuffling weights.

References:
    J. Adebayo et al., "Sanity Checks for Saliency Maps", 2018, https://arxiv.org/abs/1810.03292.
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
    """The layers of a model that are shuffled, from the output down to some depth.

    Args:
        label: The layers in words, as the page shows them.
        layers: The dotted names of the layers whose weights are shuffled.

    Example:
        >>> from mirror_app.evaluation import Depth
        >>> Depth("classifier", ("classifier",)).label
        'classifier'
    """

    label: str
    layers: tuple[str, ...]


def depths(model_layers: Sequence[Layer], max_count: int = DEPTHS) -> list[Depth]:
    """Return the depths to which the weights of a model can be shuffled, from the last layer alone to everything.

    The first depth is the last layer that runs and has weights of its own. Each further depth ends at an earlier stage
    of the network: it holds every layer that starts after that stage, but not the stage itself. The last depth is the
    whole model.

    Args:
        model_layers: The layers of a model, as `mirror_app.engine.tree` returns them.
        max_count: The largest number of depths. If there are more, evenly spaced ones are chosen.

    Returns:
        The depths. Each shuffles more weights than the one before it.

    Raises:
        MirrorError: No layer has weights.

    Example:
        >>> from mirror_app import engine, evaluation
        >>> from mirror_app.models import catalogue
        >>> [depth.label for depth in evaluation.depths(engine.tree(catalogue.load("shapes")))]
        ['classifier', 'everything after features.4', 'everything after features.1', 'everything']
    """
    starts, private_weights = _start_order(model_layers), _private_weights(model_layers)
    heads = [layer.name for layer in model_layers if layer.call and private_weights[layer.name]]
    if not heads:
        raise MirrorError(
            "The model has no layer with weights that could be shuffled.", accepted="a layer with weights"
        )
    top = max(heads, key=starts.__getitem__)
    cuts = [
        Depth(f"everything after {stage}", tuple(name for name in starts if _is_after(name, stage, starts)))
        for stage in reversed(stages(model_layers)[:-1])
    ]
    deeper: list[Depth] = []
    for depth in (Depth(top, (top,)), *cuts, Depth("everything", tuple(starts))):
        if not deeper or _weight_count(private_weights, depth) > _weight_count(private_weights, deeper[-1]):
            deeper.append(depth)
    chosen = torch.linspace(0, len(deeper) - 1, min(max_count, len(deeper))).round().int().tolist()
    return [deeper[index] for index in chosen]


def with_weights_shuffled(model: nn.Module, layers: Collection[str], seed: int = 0) -> nn.Module:
    """Return a copy of a model with the weights of some layers in random order.

    Each parameter tensor of these layers keeps its numbers, in random order. Layers inside these layers are shuffled
    only if they are named as well. The copy shares all other weights with `model`, which is not changed.

    Args:
        model: The model.
        layers: Dotted names of layers, as `named_modules()` has them.
        seed: The same seed gives a layer the same order, whichever other layers are shuffled.

    Returns:
        The copy.

    Example:
        >>> from torch import nn
        >>> from mirror_app.evaluation import with_weights_shuffled
        >>> model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        >>> shuffled = with_weights_shuffled(model, ["1"])
        >>> [bool((shuffled[number].weight == model[number].weight).all()) for number in (0, 1)]
        [True, False]

    References:
        Adebayo et al., "Sanity Checks for Saliency Maps", 2018, https://arxiv.org/abs/1810.03292.

    Differs from the paper:
        The weights are shuffled instead of drawn anew, so that each tensor keeps its distribution.
    """
    clone = Clone(model).module
    for name in layers:
        generator = torch.Generator().manual_seed(seed)
        for weights in clone.get_submodule(name).parameters(recurse=False):
            order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
            weights.data = weights.detach().flatten()[order].view_as(weights)
    return clone


def with_last_layer_shuffled(model: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy of a model with the weights of its last linear layer or convolution in random order.

    An attribution that depends on the last layer differs between the model and the copy.

    Args:
        model: The model. It is not changed.
        seed: As in `with_weights_shuffled`.

    Returns:
        The copy.

    Raises:
        MirrorError: The model has no linear layer and no two-dimensional convolution.

    Example:
        >>> from torch import nn
        >>> from mirror_app.evaluation import with_last_layer_shuffled
        >>> model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        >>> bool((with_last_layer_shuffled(model)[1].weight == model[1].weight).all())
        False
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if not names:
        raise MirrorError(
            "The model has no linear layer and no convolution whose weights could be shuffled.",
            accepted="a linear layer or a convolution",
        )
    return with_weights_shuffled(model, names[-1:], seed)


def rank_correlation(first: Tensor, second: Tensor) -> float:
    r"""Return Spearman's rank correlation of two maps.

    .. math:: \rho = \frac{\operatorname{cov}(r_1, r_2)}{\sigma(r_1) \, \sigma(r_2)}

    r_1 and r_2 are the ranks of the values in each map. Equal values share the mean of their ranks.

    Args:
        first: A map of any shape.
        second: A map of the same shape.

    Returns:
        The correlation, in [-1, 1]: 1 for the same order, -1 for the opposite order, 0 if one map is constant,
        and NaN if both are, since there is no order to compare.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import rank_correlation
        >>> ramp = torch.arange(6.0)
        >>> round(rank_correlation(ramp, ramp.exp()), 6), round(rank_correlation(ramp, -ramp), 6)
        (1.0, -1.0)
    """
    if all(bool((values == values.flatten()[0]).all()) for values in (first, second)):
        return math.nan
    ranks = [_ranks(values.flatten().double()) for values in (first, second)]
    centred = [rank - rank.mean() for rank in ranks]
    size = centred[0].norm() * centred[1].norm()
    return float(centred[0] @ centred[1] / size) if size > 0 else 0.0


def buffers_holding_weights(model: nn.Module) -> list[str]:
    """Return the dotted names of buffers that may be weights, such as frozen or quantised ones.

    Buffers are not shuffled. A buffer may be a weight if it has at least two axes longer than 1, its numbers are
    floating-point or 8-bit, and its module has no parameters of its own.

    Args:
        model: The model.

    Returns:
        The dotted names of the buffers.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.evaluation import buffers_holding_weights
        >>> module = nn.Module()
        >>> module.register_buffer("weight", torch.rand(3, 3))
        >>> buffers_holding_weights(module)
        ['weight']
    """
    return [
        f"{name}.{key}".lstrip(".")
        for name, module in model.named_modules()
        if not any(True for _ in module.parameters(recurse=False))
        for key, buffer in module.named_buffers(recurse=False)
        if (buffer.is_floating_point() or buffer.dtype in _QUANTISED) and sum(side > 1 for side in buffer.shape) > 1
    ]


def _start_order(model_layers: Sequence[Layer]) -> dict[str, int]:
    """Return when each layer starts to run; a layer that is never called starts with its parent."""
    starts: dict[str, int] = {}
    for layer in model_layers:  # parents come before children
        starts[layer.name] = layer.call.order if layer.call else starts.get(layer.parent or "", 0)
    return starts


def _is_after(name: str, layer: str, starts: Mapping[str, int]) -> bool:
    return starts[name] > starts[layer] and not name.startswith(f"{layer}.")


def _weight_count(private_weights: Mapping[str, int], depth: Depth) -> int:
    return sum(private_weights[name] for name in depth.layers)


def _private_weights(model_layers: Sequence[Layer]) -> dict[str, int]:
    """Return the number of weights that each layer holds itself, not counting the layers inside it."""
    counts = {layer.name: layer.weights for layer in model_layers}
    for layer in model_layers:
        if layer.parent is not None:
            counts[layer.parent] -= layer.weights
    return counts


def _ranks(values: Tensor) -> Tensor:
    """Return the rank of each value; equal values share the mean of their ranks."""
    _, group, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[group]
