"""Whether a picture depends on what the model has learned.

Adebayo et al. 2018, «Sanity Checks for Saliency Maps», https://arxiv.org/abs/1810.03292.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError


def with_last_layer_shuffled(model: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy of `model` with the weights of its last linear layer or convolution in random order.

    Raises MirrorError where there is none. What a method says of the copy should be something else.
    """
    return with_weights_shuffled(model, weighted(model, [name for name, _ in model.named_modules()])[-1:], seed)


def with_weights_shuffled(model: nn.Module, names: Sequence[str], seed: int = 0) -> nn.Module:
    """Return a copy of `model` with the weights of each of its layers `names` in random order; biases with them."""
    shuffled = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    for name in names:
        for weights in shuffled.get_submodule(name).parameters(recurse=False):
            order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
            weights.data = weights.data.flatten()[order].view_as(weights)
    return shuffled


def weighted(model: nn.Module, names: Sequence[str]) -> list[str]:
    """Return those of the layers `names` that are linear layers or convolutions; raise MirrorError for none."""
    found = [name for name in names if isinstance(model.get_submodule(name), nn.Linear | nn.Conv2d)]
    if not found:
        raise MirrorError("The model has no linear layer and no convolution whose weights could be shuffled.")
    return found


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Return Spearman's rank correlation of two maps of one shape: 1 for the same order, 0 for none in common."""
    ranks = [_ranks(values.flatten().double()) for values in (one, other)]
    centred = [rank - rank.mean() for rank in ranks]
    size = centred[0].norm() * centred[1].norm()
    return float(centred[0] @ centred[1] / size) if size > 0 else 0.0


def _ranks(values: Tensor) -> Tensor:
    """Return the rank of each number; equal ones share the mean of theirs."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[place]
