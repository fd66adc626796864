"""The rules of layer-wise relevance propagation: how each output of a linear layer distributes its relevance.

An output z_j = Σ_i x_i w_ij + b_j is a sum of products, and each product p_ij = x_i w_ij earns its input i a share of
the relevance R_j. The rules differ in how they count the products. The share of the bias goes to no input.

In the formulae below, p⁺ = max(p, 0) and p⁻ = min(p, 0).

References:
    Bach et al. 2015, "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
    Propagation", https://doi.org/10.1371/journal.pone.0130140
    Montavon et al. 2017, "Explaining nonlinear classification decisions with deep Taylor decomposition",
    https://arxiv.org/abs/1512.02479
    Montavon et al. 2019, "Layer-Wise Relevance Propagation: An Overview",
    https://doi.org/10.1007/978-3-030-28954-6_10, for the names of the rules
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Linear:
    """A layer that is linear except for its bias: `call(inputs, weight, bias)` computes its outputs.

    `inputs` is a leaf of the autograd graph that leads to `outputs`. `channel_axis` is the axis of the weight that
    indexes the channels of the outputs, or None if there is no such axis.
    """

    inputs: Tensor
    outputs: Tensor
    call: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    weight: Tensor
    bias: Tensor | None
    channel_axis: int | None = None


# Takes a layer and the relevance of its outputs, in their shape. Returns the relevance of its inputs, in their shape.
Rule = Callable[[Linear, Tensor], Tensor]


def epsilon(strength: float) -> Rule:
    """Return the ε-rule, in which |z_j| grows by ε = `strength`: weak outputs then pass on less relevance.

    R_i = Σ_j p_ij / (z_j + ε sign z_j) · R_j, with sign 0 = 1. Bach et al. 2015, eq. 58. With ε = 0, the rule is LRP-0.
    """

    def rule(layer: Linear, relevance: Tensor) -> Tensor:
        outputs = layer.outputs.detach()
        ratio = relevance / as_divisor(torch.where(outputs < 0, outputs - strength, outputs + strength))
        (back,) = torch.autograd.grad(layer.outputs, layer.inputs, ratio, retain_graph=True)
        return layer.inputs.detach() * back

    return rule


def z_plus(layer: Linear, relevance: Tensor) -> Tensor:
    """Distribute relevance by the positive products alone: the z⁺-rule, which is α-β with α = 1 and β = 0.

    R_i = Σ_j p_ij⁺ / (Σ_i p_ij⁺ + b_j⁺) · R_j. Montavon et al. 2017.
    """
    return _share_by_sign(1, layer, relevance)


def alpha_beta(layer: Linear, relevance: Tensor) -> Tensor:
    """The α-β rule with α = 2 and β = 1: twice the share by positive products, minus the share by negative ones.

    R_i = Σ_j (2 p_ij⁺ / (Σ_i p_ij⁺ + b_j⁺) - p_ij⁻ / (Σ_i p_ij⁻ + b_j⁻)) · R_j. Bach et al. 2015, eq. 60.
    """
    return 2 * _share_by_sign(1, layer, relevance) - _share_by_sign(-1, layer, relevance)


def gamma(strength: float) -> Rule:
    """Return the γ-rule, in which the products with the sign of z_j count 1 + γ times, with γ = `strength`.

    R_i = Σ_j q_ij / (Σ_i q_ij + b_j + γ b_j^s) · R_j, with q_ij = p_ij + γ p_ij^s and s the sign of z_j; an output of 0
    passes nothing on. Montavon et al. 2019 for non-negative inputs; Andéol et al. 2021 for all inputs.
    """

    def rule(layer: Linear, relevance: Tensor) -> Tensor:
        other_factor = 1 / (1 + strength)
        positive = _share_by_sign(1, layer, relevance * (layer.outputs > 0), other_factor)
        negative_outputs = relevance * (layer.outputs < 0)
        if not negative_outputs.any():
            return positive
        return positive + _share_by_sign(-1, layer, negative_outputs, other_factor)

    return rule


def flat(layer: Linear, relevance: Tensor) -> Tensor:
    """Distribute relevance in equal parts among all the inputs that an output depends on: the flat rule.

    R_i = Σ_j R_j / n_j, over the outputs j that depend on input i, where n_j is the number of the inputs of j.
    Lapuschkin et al. 2019, "Unmasking Clever Hans predictors", https://doi.org/10.1038/s41467-019-08987-4
    """
    return _share(layer, relevance, [(torch.ones_like(layer.inputs), torch.ones_like(layer.weight))], None)


def box(layer: Linear, relevance: Tensor) -> Tensor:
    """Distribute relevance by the distance of the inputs from the bounds of their range: the zᴮ-rule.

    R_i = Σ_j q_ij / Σ_i q_ij · R_j, with q_ij = x_i w_ij - l_i w_ij⁺ - h_i w_ij⁻. Montavon et al. 2017. The bounds l_i
    and h_i are the lowest and the highest value in the same channel of the same item, since the range of the model's
    preprocessing is not known here.
    """
    inputs, weight = layer.inputs.detach(), layer.weight
    spatial = tuple(range(min(2, inputs.ndim - 1), inputs.ndim))
    above_low, below_high = inputs - inputs.amin(spatial, keepdim=True), inputs - inputs.amax(spatial, keepdim=True)
    return _share(layer, relevance, [(above_low, weight.clamp(min=0)), (below_high, weight.clamp(max=0))], None)


def as_divisor(numbers: Tensor) -> Tensor:
    """Return `numbers` with those of magnitude below 1e-20 replaced by 1e-20, to make division by them safe."""
    return torch.where(numbers.abs() < 1e-20, 1e-20, numbers)


def without_nan(shares: Tensor, amount: Tensor, total: Tensor) -> Tensor:
    """Return `shares`, but 0 wherever `amount` is 0 and `total` is not finite (such as the -∞ of a masked class)."""
    return torch.where((amount == 0) & ~total.isfinite(), 0, shares)


def _share_by_sign(sign: int, layer: Linear, relevance: Tensor, other_factor: float = 0) -> Tensor:
    """Distribute relevance by the products: those with `sign` count once, and the others `other_factor` times."""

    def counted(numbers: Tensor, sign: int) -> Tensor:
        return F.leaky_relu(numbers if sign > 0 else -numbers, other_factor)

    inputs = layer.inputs.detach()
    terms = [(inputs.clamp(min=0), counted(layer.weight, sign))]
    if (inputs < 0).any():
        terms.append((-inputs.clamp(max=0), counted(layer.weight, -sign)))
    return _share(layer, relevance, terms, None if layer.bias is None else counted(layer.bias, sign))


def _share(layer: Linear, relevance: Tensor, terms: list[tuple[Tensor, Tensor]], bias: Tensor | None) -> Tensor:
    """Distribute relevance in proportion to the products of `terms` (inputs, weight), which add up to the outputs."""
    with torch.enable_grad():
        leaves = [inputs.detach().requires_grad_() for inputs, _ in terms]
        total = layer.call(leaves[0], terms[0][1], bias)
        for leaf, (_, weight) in zip(leaves[1:], terms[1:], strict=True):
            total = total + layer.call(leaf, weight, None)
    ratio = without_nan(relevance / as_divisor(total.detach()), relevance, total.detach())
    back = torch.autograd.grad(total, leaves, ratio)
    shares = [leaf.detach() * slope for leaf, slope in zip(leaves, back, strict=True)]
    return shares[0] if len(shares) == 1 else torch.stack(shares).sum(0)
