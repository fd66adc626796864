"""The rules of layer-wise relevance propagation: how each output of a linear layer shares its relevance out.

An output z_j = Σ_i x_i w_ij + b_j is a sum of products, and each product x_i w_ij brings its input i a part of the
relevance R_j. The rules differ in how they count the products. What a bias counts for is given to no input.

Bach et al. 2015, “On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation”;
Montavon et al. 2019, “Layer-Wise Relevance Propagation: An Overview”, for their names.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Linear:
    """A layer that is linear but for its bias: `call(inputs, weight, bias)` gives its outputs.

    `outputs` is its value at `inputs`, a leaf, with the graph between the two. `channel_axis` is the axis of the weight
    that counts the channels of the outputs, where there is one.
    """

    inputs: Tensor
    outputs: Tensor
    call: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    weight: Tensor
    bias: Tensor | None
    channel_axis: int | None = None


# From the relevance of the outputs to that of the inputs, of their shapes.
Rule = Callable[[Linear, Tensor], Tensor]


def epsilon(strength: float) -> Rule:
    """Return the ε-rule: by the products as they are, where |z_j| grows by `strength`, which absorbs what is weak.

    R_i = Σ_j x_i w_ij / (z_j + ε sign z_j) R_j, with sign 0 = 1. Bach et al. 2015, eq. 58; 0 is LRP-0.
    """

    def rule(layer: Linear, relevance: Tensor) -> Tensor:
        outputs = layer.outputs.detach()
        ratio = relevance / nonzero(torch.where(outputs < 0, outputs - strength, outputs + strength))
        (back,) = torch.autograd.grad(layer.outputs, layer.inputs, ratio, retain_graph=True)
        return layer.inputs.detach() * back

    return rule


def z_plus(layer: Linear, relevance: Tensor) -> Tensor:
    """By the positive products alone: α-β with α = 1 and β = 0. Montavon et al. 2017, “Deep Taylor Decomposition”."""
    return _favouring(1, layer, relevance)


def alpha_beta(layer: Linear, relevance: Tensor) -> Tensor:
    """Twice by the positive products, less once by the negative ones. Bach et al. 2015, eq. 60, α = 2 and β = 1."""
    return 2 * _favouring(1, layer, relevance) - _favouring(-1, layer, relevance)


def gamma(strength: float) -> Rule:
    """Return the γ-rule: the products of the sign of z_j count 1 + `strength` times.

    Montavon et al. 2019 for inputs that are nowhere negative; Andéol et al. 2021 for all.
    """

    def rule(layer: Linear, relevance: Tensor) -> Tensor:
        rest = 1 / (1 + strength)
        positive = _favouring(1, layer, relevance * (layer.outputs > 0), rest)
        against = relevance * (layer.outputs < 0)
        return positive + _favouring(-1, layer, against, rest) if against.any() else positive

    return rule


def flat(layer: Linear, relevance: Tensor) -> Tensor:
    """In equal parts among all the inputs that an output sees. Lapuschkin et al. 2019, “Unmasking Clever Hans”."""
    return _shared(layer, relevance, [(torch.ones_like(layer.inputs), torch.ones_like(layer.weight))], None)


def box(layer: Linear, relevance: Tensor) -> Tensor:
    """By how far the inputs are from the worst they could be: zᴮ. Montavon et al. 2017, “Deep Taylor Decomposition”.

    R_i = Σ_j (x_i w_ij - l_i w_ij⁺ - h_i w_ij⁻) / Σ_i (the same) R_j, where l and h are the least and the greatest
    value of this item's channel: the range that the model's preprocessing could give is not known here.
    """
    inputs, weight = layer.inputs.detach(), layer.weight
    sides = tuple(range(min(2, inputs.ndim - 1), inputs.ndim))
    above, below = inputs - inputs.amin(sides, keepdim=True), inputs - inputs.amax(sides, keepdim=True)
    return _shared(layer, relevance, [(above, weight.clamp(min=0)), (below, weight.clamp(max=0))], None)


def nonzero(numbers: Tensor) -> Tensor:
    """Return `numbers` as divisors: those that are nothing, or next to it, become 1e-20."""
    return torch.where(numbers.abs() < 1e-20, 1e-20, numbers)


def without_none(shares: Tensor, amount: Tensor, whole: Tensor) -> Tensor:
    """Return `shares`, 0 where there is no `amount` to share and the `whole` is not finite: a masked class is -∞."""
    return torch.where((amount == 0) & ~whole.isfinite(), 0, shares)


def _favouring(sign: int, layer: Linear, relevance: Tensor, rest: float = 0) -> Tensor:
    """Share by the products: those of that `sign` count in full, and the others `rest` times."""

    def counted(numbers: Tensor, sign: int) -> Tensor:
        return F.leaky_relu(numbers if sign > 0 else -numbers, rest)

    inputs = layer.inputs.detach()
    pieces = [(inputs.clamp(min=0), counted(layer.weight, sign))]
    if (inputs < 0).any():
        pieces.append((-inputs.clamp(max=0), counted(layer.weight, -sign)))
    return _shared(layer, relevance, pieces, None if layer.bias is None else counted(layer.bias, sign))


def _shared(layer: Linear, relevance: Tensor, pieces: list[tuple[Tensor, Tensor]], bias: Tensor | None) -> Tensor:
    """Share by the sum of the products of several (inputs, weight)."""
    with torch.enable_grad():
        leaves = [part.detach().requires_grad_() for part, _ in pieces]
        total = layer.call(leaves[0], pieces[0][1], bias)
        for leaf, (_, weight) in zip(leaves[1:], pieces[1:], strict=True):
            total = total + layer.call(leaf, weight, None)
    ratio = without_none(relevance / nonzero(total.detach()), relevance, total.detach())
    back = torch.autograd.grad(total, leaves, ratio)
    shares = [leaf.detach() * slope for leaf, slope in zip(leaves, back, strict=True)]
    return shares[0] if len(shares) == 1 else torch.stack(shares).sum(0)
