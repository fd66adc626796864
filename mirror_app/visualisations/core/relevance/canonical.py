"""LRP in one backward pass: a model that runs inside `Canonical` builds a graph that passes relevance back.

The graph passes back c = R / x, the relevance divided by the activation. With this quantity, the ordinary gradients of
sums, concatenations, poolings and ReLUs already split relevance in proportion to each input's contribution, so that
these operations need no rule (Montavon et al. 2019, "Layer-Wise Relevance Propagation: An Overview"). Only linear
layers get a backward pass of their own. A batch norm is merged with the linear layer before it; if there is none, the
batch norm counts as a linear layer itself.

Functions are intercepted when they are called, in this computation only, whether or not a module calls them.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from mirror_app import probe
from mirror_app.errors import MirrorError
from mirror_app.precision import HALF, widened
from mirror_app.visualisations.core.relevance import nonlinear
from mirror_app.visualisations.core.relevance.rules import Linear, Rule, as_divisor, without_nan, z_plus

Function = Callable[..., Tensor]

TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d, *TRANSPOSED)
PRODUCTS = (torch.matmul, torch.mm, torch.bmm, Tensor.matmul, Tensor.mm, Tensor.bmm, Tensor.__matmul__)


@dataclass(frozen=True)
class Composite:
    """The rule for each kind of layer.

    `first` applies to the layers that take the picture itself; if it is None, they get the rule of their kind.
    `lone_norm` applies to batch norms that follow no linear layer. Each of their outputs is one product plus a bias, so
    α-β would double the relevance wherever product and bias have opposite signs. The default is z⁺. It drops negative
    inputs, which only occur after activations other than ReLU. If `nonlinear` is "attnlrp" or "cp-lrp", attention,
    norms, gates and smooth activations have rules, too (see the module `nonlinear`).
    """

    convolution: Rule
    dense: Rule
    first: Rule | None = None
    lone_norm: Rule = z_plus
    nonlinear: str = ""


@dataclass(frozen=True)
class Flow:
    """A linear layer in the graph, with its rule and the tensor `source` that it takes.

    If the layer takes the picture, relevance ends at `source`, and the backward pass of the layer appends
    `(source, relevance)` to `ends`.
    """

    source: Tensor
    layer: Linear
    rule: Rule
    ends: list[tuple[Tensor, Tensor]] | None


class Canonical(TorchFunctionMode):
    """A mode in which a model builds a graph that computes LRP in one backward pass, by the rules of a `Composite`.

    Inside `with Canonical(composite, from_picture):`, a model runs as usual, and its graph passes R / x back.

    With `from_picture`, the graph starts at the picture. Relevance then ends at the layers that take the picture, and
    the backward pass collects it in `ends`.

    Half-precision values are computed in float32, also under autocast, because R / x leaves the range of half
    precision.
    """

    def __init__(self, composite: Composite, from_picture: bool) -> None:
        super().__init__()
        self.composite = composite
        self.from_picture = from_picture
        self.ends: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(self, func: Function, types: object, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = _widened(args), _widened(kwargs or {})
        with _without_autocast():
            return _widened(self._dispatch(func, args, kwargs))

    def _dispatch(self, func: Function, args: Any, kwargs: Any) -> Any:
        if self.composite.nonlinear and (rule := self._nonlinear_rule(func, args)):
            return rule(*args, **kwargs)
        if func in CONVOLUTIONS:
            return self._linear(func, self.composite.convolution, *args, **kwargs)
        if func is F.linear:
            return self._linear(func, self.composite.dense, *args, **kwargs)
        if func in PRODUCTS and len(args) == 2 and not kwargs:
            return self._product(func, *args)
        if func is F.pad and (args[2:3] == ("circular",) or kwargs.get("mode") == "circular"):
            return _pad_circular(args[0], args[1] if len(args) > 1 else kwargs["pad"])
        if func is F.batch_norm:
            return self._batch_norm(*args, **kwargs)
        if func in (F.relu6, F.hardtanh):
            return _bounded_relu(func, *args, **kwargs)
        return func(*args, **kwargs)

    def _nonlinear_rule(self, func: Any, args: Any) -> Function | None:
        """Return the function that computes `func` by a rule of its own, or None if it needs none."""
        if func is F.multi_head_attention_forward:
            return self._multi_head_attention
        if func is F.scaled_dot_product_attention:
            return partial(nonlinear.scaled_dot_product, partial(self._product, torch.matmul), self._softmax)
        if func is torch.einsum and all(isinstance(arg, Tensor) and arg.requires_grad for arg in args[1:]):
            return lambda equation, *operands: nonlinear.bilinear(partial(torch.einsum, equation), *operands)
        if func in nonlinear.ACTIVATIONS:
            return partial(nonlinear.activation, func)
        if func in probe.SOFTMAX:
            return partial(self._softmax, func)
        if func in nonlinear.RECIPROCAL_ROOTS:
            return lambda *operands: func(*operands).detach()
        if func in nonlinear.DIVISIONS:
            return lambda dividend, divisor, **options: func(dividend, _constant(divisor), **options)
        if func in nonlinear.MULTIPLICATIONS and all(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            return partial(nonlinear.bilinear, func)
        return nonlinear.NORMS.get(func)

    def _multi_head_attention(self, *args: Any, **kwargs: Any) -> Any:
        with self:
            return probe.undispatched(F.multi_head_attention_forward)(*args, **kwargs)

    def _softmax(self, func: Function, *args: Any, **kwargs: Any) -> Tensor:
        output = func(*args, **kwargs)
        return output.detach() if self.composite.nonlinear == "cp-lrp" else output

    def _linear(
        self,
        func: Function,
        rule: Rule,
        input: Tensor,  # noqa: A002 - PyTorch's name, which callers may use
        weight: Tensor,
        bias: Tensor | None = None,
        *more_args: object,
        **kwargs: object,
    ) -> Tensor:
        def call(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return func(inputs, weight, bias, *more_args, **kwargs)

        if weight.requires_grad or not input.requires_grad:  # a product of two activations, or no relevance to pass on
            return call(input, weight, bias)
        leaf = input.detach().requires_grad_()
        outputs = call(leaf, weight, bias)
        layer = Linear(leaf, outputs, call, weight, bias, _channel_axis(func, weight, outputs))
        return self._with_rule(input, layer, rule)

    def _product(self, func: Function, left: Tensor, right: Tensor) -> Tensor:
        """Treat a product of matrices as a dense layer if the left or the right matrix holds weights."""
        if self.composite.nonlinear and left.requires_grad and right.requires_grad:
            return nonlinear.bilinear(func, left, right)
        if self.composite.nonlinear and min(left.ndim, right.ndim) > 2:  # attention weights that are constants
            return func(left, right)
        if not left.requires_grad and right.requires_grad:
            return self._linear(lambda inputs, weight, _: func(weight, inputs), self.composite.dense, right, left)
        return self._linear(lambda inputs, weight, _: func(inputs, weight), self.composite.dense, left, right)

    def _batch_norm(
        self,
        input: Tensor,  # noqa: A002
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if training or running_mean is None or running_var is None:
            raise MirrorError(
                "LRP needs batch norms with running statistics, and one in this model uses those of the batch",
                accepted="a batch norm with running statistics",
                hint="use Grad-CAM, or a batch norm with track_running_stats=True",
            )

        def normalised(values: Tensor) -> Tensor:
            return F.batch_norm(values, running_mean, running_var, weight, bias, eps=eps)

        if not input.requires_grad:
            return normalised(input)
        scale = (running_var + eps).rsqrt() if weight is None else (running_var + eps).rsqrt() * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        previous = _flow(input.grad_fn)
        if previous and previous.layer.channel_axis is not None and (input.ndim == 2 or previous.layer.weight.ndim > 2):
            merged = _merge_batch_norm(previous.layer, scale, shift, normalised(previous.layer.outputs))
            return _apply(replace(previous, layer=merged))
        leaf = input.detach().requires_grad_()
        per_channel = (-1, *[1] * (input.ndim - 2))
        layer = Linear(leaf, normalised(leaf), _scaled, scale.reshape(per_channel), shift.reshape(per_channel))
        return self._with_rule(input, layer, self.composite.lone_norm)

    def _with_rule(self, source: Tensor, layer: Linear, rule: Rule) -> Tensor:
        if self.from_picture and not any(_flow(node) for node in probe.graph_nodes(source)):
            return _apply(Flow(source, layer, self.composite.first or rule, self.ends))
        return _apply(Flow(source, layer, rule, None))


def _constant(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _widened(values: Any) -> Any:
    """Return `values`, nested to any depth, with all half-precision tensors in float32."""
    if not any(isinstance(leaf, Tensor) and leaf.dtype in HALF for leaf in tree_leaves(values)):
        return values
    return tree_map(lambda leaf: widened(leaf) if isinstance(leaf, Tensor) else leaf, values)


def _without_autocast() -> AbstractContextManager[object]:
    devices = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
    return torch.autocast(devices[0], enabled=False) if devices else nullcontext()


class _Ruled(torch.autograd.Function):
    """A linear layer whose backward pass turns R / x of its outputs into R / x of its source, by its rule."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, flow: Flow) -> Tensor:
        ctx.flow = flow
        # A clone, since the next function may work in place, and the rule needs the outputs unchanged.
        return flow.layer.outputs.detach().clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, None]:
        flow: Flow = ctx.flow
        outputs = flow.layer.outputs.detach()
        relevance = flow.rule(flow.layer, without_nan(outputs * slope, slope, outputs))
        if flow.ends is not None:
            flow.ends.append((flow.source, relevance))
            return None, None
        return relevance / as_divisor(flow.layer.inputs.detach()), None


def _apply(flow: Flow) -> Tensor:
    output: Tensor = _Ruled.apply(flow.source, flow)
    return output


def _flow(node: Node | None) -> Flow | None:
    """Return the linear layer that a node of the graph stands for, or None."""
    return getattr(node, "flow", None)


def _channel_axis(func: Function, weight: Tensor, outputs: Tensor) -> int | None:
    """Return the axis of `weight` that indexes the output channels, or None if no axis covers all of them."""
    if func in TRANSPOSED:
        return 1 if weight.shape[1] == outputs.shape[1] else None
    return 0 if func is F.linear or func in CONVOLUTIONS else None


def _merge_batch_norm(layer: Linear, scale: Tensor, shift: Tensor, outputs: Tensor) -> Linear:
    """Return `layer` and the batch norm after it as one layer; `outputs` are the outputs of the batch norm."""
    assert layer.channel_axis is not None
    weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1 - layer.channel_axis))
    if layer.bias is None:
        return replace(layer, outputs=outputs, weight=weight, bias=shift)
    bias = layer.bias * scale.reshape(layer.bias.shape) + shift.reshape(layer.bias.shape)
    return replace(layer, outputs=outputs, weight=weight, bias=bias)


def _pad_circular(inputs: Tensor, padding: Sequence[int]) -> Tensor:
    """Return `inputs` padded circularly by concatenation; `padding` starts with the last axis, as in `F.pad`."""
    for axis, (before, after) in enumerate(zip(padding[::2], padding[1::2], strict=True), 1):
        side = inputs.shape[-axis]
        parts = [inputs.narrow(-axis, side - before, before), inputs, inputs.narrow(-axis, 0, after)]
        inputs = torch.cat(parts, -axis)
    return inputs


def _scaled(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return inputs * weight if bias is None else inputs * weight + bias


def _bounded_relu(func: Function, input: Tensor, *args: object, **kwargs: object) -> Tensor:  # noqa: A002
    """Let all relevance pass a bounded ReLU: above the bound its gradient is zero, but its output is not."""
    output = func(input.clone(), *args, **kwargs)  # a clone, since `func` may work in place
    return input * (output / as_divisor(input)).detach()
