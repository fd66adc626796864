"""AttnLRP and CP-LRP: the rules for attention, norms, gates and smooth activations, as changes of the gradient.

What flows down the graph is c = R / x, relevance over activation (see `canonical`). In this form:

| operation | rule | the gradient |
| --- | --- | --- |
| activation y = f(x) | all of R passes to x | y / x |
| norm (x - mean) / std | all of R passes to x | std is a constant |
| softmax | AttnLRP: R_i = x_i (R_i - s_i Σ_j R_j); CP-LRP: none | AttnLRP: as it is; CP-LRP: the result is a constant |
| product of two activations | half of R to each | halved |

References:
    Achtibat et al. 2024, "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers",
    https://arxiv.org/abs/2402.05602
    Ali et al. 2022, "XAI for Transformers: Better Explanations through Conservative Propagation",
    https://arxiv.org/abs/2202.07304
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app import probe
from mirror_app.visualisations.core.relevance.rules import as_divisor

Function = Callable[..., Tensor]

ACTIVATIONS = frozenset(
    {F.gelu, F.silu, F.mish, F.elu, F.celu, F.selu, F.softplus, F.hardswish, F.hardsigmoid, F.logsigmoid}
    | {torch.sigmoid, Tensor.sigmoid, F.sigmoid, torch.tanh, Tensor.tanh, F.tanh}
)
MULTIPLICATIONS = frozenset({torch.mul, torch.multiply, Tensor.mul, Tensor.multiply, Tensor.__mul__, Tensor.__rmul__})
DIVISIONS = frozenset({torch.div, torch.divide, torch.true_divide, Tensor.div, Tensor.divide, Tensor.__truediv__})
RECIPROCAL_ROOTS = frozenset({torch.rsqrt, Tensor.rsqrt})


def activation(func: Function, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:  # noqa: A002 - PyTorch's name
    """Return an activation of `input` that passes all of its relevance to the input."""
    with torch.no_grad():
        output = func(input.clone(), *args, **kwargs)  # a clone, since it may work in place
    result: Tensor = _Whole.apply(input, output)
    return result


class _Whole(torch.autograd.Function):
    """Returns `output`; its backward pass gives `input` all relevance."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, output: Tensor) -> Tensor:  # noqa: A002
        ctx.save_for_backward(input, output)
        return output.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        inputs, output = ctx.saved_tensors
        return slopes[0] * output / as_divisor(inputs), None


def bilinear(func: Function, left: Tensor, right: Tensor) -> Tensor:
    """Return the product of two activations; each gets half of the relevance."""
    return (func(left, right.detach()) + func(left.detach(), right)) / 2


def scaled_dot_product(product: Function, softmax: Function, *args: Any, **kwargs: Any) -> Tensor:
    """Return `F.scaled_dot_product_attention`, computed by a `product` and a `softmax` with rules of their own."""
    operation = probe.ScaledDotProduct(*args, **kwargs)
    return product(softmax(torch.softmax, operation.logits(product), -1), operation.values)


def layer_norm(
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return the layer norm, with the standard deviation as a constant."""
    axes = tuple(range(-len(normalized_shape), 0))
    return _affine(_normalised(input, axes, eps), weight, bias)


def group_norm(
    input: Tensor,  # noqa: A002
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return the group norm, with the standard deviations as constants."""
    groups = input.reshape(len(input), num_groups, -1)
    per_channel = (-1, *[1] * (input.ndim - 2))
    normalised = _normalised(groups, (-1,), eps).view_as(input)
    return _affine(
        normalised,
        None if weight is None else weight.reshape(per_channel),
        None if bias is None else bias.reshape(per_channel),
    )


def rms_norm(
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Return the root-mean-square norm, with the root as a constant."""
    axes = tuple(range(-len(normalized_shape), 0))
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    root = (input.square().mean(axes, keepdim=True) + eps).sqrt().detach()
    return _affine(input / root, weight, None)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None) -> Tensor:  # noqa: A002
    """Return `input` divided by its norm, which is a constant."""
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps).detach()


NORMS: dict[Function, Function] = {
    F.layer_norm: layer_norm,
    F.group_norm: group_norm,
    F.rms_norm: rms_norm,
    F.normalize: normalize,
}


def _normalised(values: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    deviation = (values.var(axes, unbiased=False, keepdim=True) + eps).sqrt().detach()
    return (values - values.mean(axes, keepdim=True)) / deviation


def _affine(values: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    values = values if weight is None else values * weight
    return values if bias is None else values + bias
