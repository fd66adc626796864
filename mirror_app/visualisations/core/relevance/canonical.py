"""A computation in its canonical form, in which relevance flows by rules where a gradient would flow.

What flows down the graph is the slope c = R / x, relevance over activation: then each sum, concatenation, pooling and
ReLU hands on, by its ordinary gradient, shares in proportion to what its inputs gave, and none of them needs a rule
(Montavon et al. 2019, “Layer-Wise Relevance Propagation: An Overview”). Only the linear layers get another backward
pass. A batch norm is one with the linear layer before it, and where there is none it is a linear layer of its own.

Functions are caught as they are called, in this computation alone: it does not matter whether a module calls them.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
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
from mirror_app.visualisations.core.relevance.rules import Linear, Rule, nonzero, without_none, z_plus

Function = Callable[..., Tensor]

TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d, *TRANSPOSED)
PRODUCTS = (torch.matmul, torch.mm, torch.bmm, Tensor.matmul, Tensor.mm, Tensor.bmm, Tensor.__matmul__)


@dataclass(frozen=True)
class Composite:
    """Whose rule is which: of convolutions, of dense layers, of those that see the picture, and of lone batch norms.

    An output of a batch norm has one product and a bias: α-β would double its relevance wherever the two disagree.
    """

    convolution: Rule
    dense: Rule
    first: Rule | None = None
    lone_norm: Rule = z_plus


@dataclass(frozen=True)
class Flow:
    """A linear layer in the graph: the tensor that it takes there, its rule, and where the relevance ends, if it does.

    What arrives at a layer that sees the picture goes to `ends`, as its source and the relevance of that.
    """

    source: Tensor
    layer: Linear
    rule: Rule
    ends: list[tuple[Tensor, Tensor]] | None


class Canonical(TorchFunctionMode):
    """In `with Canonical(composite, picture):` a model runs as ever, and builds a graph down which slopes flow.

    Where the graph begins at the `picture`, slopes end at the layers that see it, and their relevance is in `ends`.

    Half numbers are computed with in float32, also under autocast: slopes R / x leave the range of half precision.
    """

    def __init__(self, composite: Composite, picture: bool) -> None:
        super().__init__()
        self.composite = composite
        self.picture = picture
        self.ends: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(self, func: Function, types: object, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = _widened(args), _widened(kwargs or {})
        with _without_autocast():
            return _widened(self._called(func, args, kwargs))

    def _called(self, func: Function, args: Any, kwargs: Any) -> Any:
        if func in CONVOLUTIONS:
            return self._linear(func, self.composite.convolution, *args, **kwargs)
        if func is F.linear:
            return self._linear(func, self.composite.dense, *args, **kwargs)
        if func in PRODUCTS and len(args) == 2 and not kwargs:
            return self._product(func, *args)
        if func is F.pad and (args[2:3] == ("circular",) or kwargs.get("mode") == "circular"):
            return _wrapped(args[0], args[1] if len(args) > 1 else kwargs["pad"])
        if func is F.batch_norm:
            return self._batch_norm(*args, **kwargs)
        if func in (F.relu6, F.hardtanh):
            return _bounded(func, *args, **kwargs)
        return func(*args, **kwargs)

    def _linear(
        self,
        func: Function,
        rule: Rule,
        input: Tensor,  # noqa: A002 - its name for those who call it by name
        weight: Tensor,
        bias: Tensor | None = None,
        *rest: object,
        **options: object,
    ) -> Tensor:
        def call(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return func(inputs, weight, bias, *rest, **options)

        if weight.requires_grad or not input.requires_grad:  # a product of two answers, or nothing to share
            return call(input, weight, bias)
        leaf = input.detach().requires_grad_()
        outputs = call(leaf, weight, bias)
        return self._ruled(input, Linear(leaf, outputs, call, weight, bias, _channel_axis(func, weight, outputs)), rule)

    def _product(self, func: Function, one: Tensor, other: Tensor) -> Tensor:
        """A product of matrices is a dense layer where one of the two is weights, on whichever side."""
        if not one.requires_grad and other.requires_grad:
            return self._linear(lambda inputs, weight, _: func(weight, inputs), self.composite.dense, other, one)
        return self._linear(lambda inputs, weight, _: func(inputs, weight), self.composite.dense, one, other)

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
                "LRP needs batch norms with statistics of their own, and one of this model takes the batch's: "
                "try Grad-CAM, or a batch norm with track_running_stats."
            )

        def normalised(values: Tensor) -> Tensor:
            return F.batch_norm(values, running_mean, running_var, weight, bias, eps=eps)

        if not input.requires_grad:
            return normalised(input)
        scale = (running_var + eps).rsqrt() if weight is None else (running_var + eps).rsqrt() * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        below = _flow(input.grad_fn)
        if below and below.layer.channel_axis is not None and (input.ndim == 2 or below.layer.weight.ndim > 2):
            merged = _merged(below.layer, scale, shift, normalised(below.layer.outputs))
            return _apply(replace(below, layer=merged))
        leaf = input.detach().requires_grad_()
        places = (-1, *[1] * (input.ndim - 2))
        layer = Linear(leaf, normalised(leaf), _scaled, scale.reshape(places), shift.reshape(places))
        return self._ruled(input, layer, self.composite.lone_norm)

    def _ruled(self, source: Tensor, layer: Linear, rule: Rule) -> Tensor:
        if self.picture and not any(_flow(node) for node in probe.graph_nodes(source)):
            return _apply(Flow(source, layer, self.composite.first or rule, self.ends))
        return _apply(Flow(source, layer, rule, None))


def _widened(values: Any) -> Any:
    """Return `values` with all half tensors in them, at whatever depth, in float32."""
    if not any(isinstance(leaf, Tensor) and leaf.dtype in HALF for leaf in tree_leaves(values)):
        return values
    return tree_map(lambda leaf: widened(leaf) if isinstance(leaf, Tensor) else leaf, values)


def _without_autocast() -> AbstractContextManager[object]:
    devices = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
    return torch.autocast(devices[0], enabled=False) if devices else nullcontext()


class _Ruled(torch.autograd.Function):
    """A linear layer: forward as it is, backward the slope that its rule gives."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, flow: Flow) -> Tensor:
        ctx.flow = flow
        # A clone, since what comes next may work in place, and the rule needs the outputs as they were.
        return flow.layer.outputs.detach().clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, None]:
        flow: Flow = ctx.flow
        outputs = flow.layer.outputs.detach()
        relevance = flow.rule(flow.layer, without_none(outputs * slope, slope, outputs))
        if flow.ends is not None:
            flow.ends.append((flow.source, relevance))
            return None, None
        return relevance / nonzero(flow.layer.inputs.detach()), None


def _apply(flow: Flow) -> Tensor:
    output: Tensor = _Ruled.apply(flow.source, flow)
    return output


def _flow(node: Node | None) -> Flow | None:
    """Return the linear layer that a node of the graph is, if it is one."""
    return getattr(node, "flow", None)


def _channel_axis(func: Function, weight: Tensor, outputs: Tensor) -> int | None:
    """Return the axis of `weight` that counts the channels of the outputs; None where no axis counts them all."""
    if func in TRANSPOSED:
        return 1 if weight.shape[1] == outputs.shape[1] else None
    return 0 if func is F.linear or func in CONVOLUTIONS else None


def _merged(layer: Linear, scale: Tensor, shift: Tensor, outputs: Tensor) -> Linear:
    """Return `layer` and the batch norm after it as one, in which the batch norm's `outputs` were computed from it."""
    assert layer.channel_axis is not None
    weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1 - layer.channel_axis))
    if layer.bias is None:
        return replace(layer, outputs=outputs, weight=weight, bias=shift)
    bias = layer.bias * scale.reshape(layer.bias.shape) + shift.reshape(layer.bias.shape)
    return replace(layer, outputs=outputs, weight=weight, bias=bias)


def _wrapped(inputs: Tensor, margins: Sequence[int]) -> Tensor:
    """Return `inputs` with what leaves at one side coming in at the other, as a concatenation: its last side first."""
    for number, (before, after) in enumerate(zip(margins[::2], margins[1::2], strict=True), 1):
        side = inputs.shape[-number]
        parts = [inputs.narrow(-number, side - before, before), inputs, inputs.narrow(-number, 0, after)]
        inputs = torch.cat(parts, -number)
    return inputs


def _scaled(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return inputs * weight if bias is None else inputs * weight + bias


def _bounded(func: Function, input: Tensor, *rest: object, **options: object) -> Tensor:  # noqa: A002
    """Let the relevance of a bounded ReLU pass whole: above the bound its gradient is zero, and its answer is not."""
    output = func(input.clone(), *rest, **options)  # a clone, since it may work in place
    return input * (output / nonzero(input)).detach()
