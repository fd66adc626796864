"""Whether a layer's maps lie as the picture does: read off the graph of one forward pass, without its numbers."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node, saved_tensors_hooks

from mirror_app.errors import MirrorError
from mirror_app.probe.view import View

# Operations that keep rows and columns, the last two axes, in their order, whatever they do to the channels.
_KEEPS = frozenset(
    "Add Sub Mul Div Neg Pow Sqrt Rsqrt Exp Abs Clamp ClampMin ClampMax Maximum Minimum Where Clone Alias ToCopy "
    "Relu Threshold Hardtanh LeakyRelu RreluWithNoise PreluKernel Elu Celu Gelu Silu Mish Sigmoid Tanh Softplus "
    "Hardsigmoid Hardswish LogSigmoid Convolution NativeBatchNorm CudnnBatchNorm MiopenBatchNorm NativeGroupNorm "
    "NativeDropout MaxPool2DWithIndices AvgPool2D AdaptiveAvgPool2D AdaptiveMaxPool2D UpsampleBilinear2D "
    "UpsampleNearest2D UpsampleBicubic2D UpsampleBilinear2DAa ConstantPadNd ReflectionPad2D ReplicationPad2D "
    "PixelShuffle PixelUnshuffle".split()
)
# Operations that may move them, but did not where the last two axes have the sizes that they had.
_MAY_KEEP = frozenset(
    "View UnsafeView Reshape ReshapeAlias Slice Split SplitWithSizes Select Unbind Squeeze Unsqueeze Stack Cat Repeat "
    "Expand Mean Sum".split()
)


def keeps_rows_and_columns(view: View, picture: Tensor, layer: str) -> bool:
    """Tell whether the graph has a way from `picture` (1, C, H, W) to `layer` on which nothing moves rows or columns.

    One such way is proof: what is added to it, or concatenated with it, has to lie as it does.
    """
    leaf = picture.detach().requires_grad_()
    try:
        with torch.enable_grad(), saved_tensors_hooks(lambda _: None, lambda _: torch.empty(0)):
            output = view.outputs_of(leaf.clone(), [layer])[layer]
    except MirrorError:  # gradients end on the way, and with them the graph
        return False
    start = output.grad_fn if isinstance(output, Tensor) else None
    waiting, seen = [start] if start is not None else [], set()
    while waiting:
        node = waiting.pop()
        if getattr(node, "variable", None) is leaf:
            return True
        if node not in seen:
            seen.add(node)
            waiting += _below(node)
    return False


def _below(node: Node) -> Iterator[Node]:
    """Yield the nodes below from which `node` takes its rows and columns as they are."""
    name = node.name().rstrip("0123456789").removesuffix("Backward")
    for parent, _ in node.next_functions:
        if parent is not None and (
            (name in _KEEPS and _is_map(parent))
            or (name in _MAY_KEEP and _is_map(parent) and _sizes(parent)[-2:] == _sizes(node)[-2:])
            or (name == "Transpose" and _leaves_last_two(node))
        ):
            yield parent


def _is_map(node: Any) -> bool:
    """Tell whether the node gives rows and columns: what is pooled to one of them, as for a gate, proves nothing."""
    sizes = _sizes(node)
    return len(sizes) >= 4 and min(sizes[-2:]) > 1


def _sizes(node: Any) -> tuple[int, ...]:
    return tuple(node._input_metadata[0].shape)


def _leaves_last_two(node: Any) -> bool:
    moved = {_signed(node._saved_dim0), _signed(node._saved_dim1)}
    axes = len(_sizes(node))
    return not moved & {-1, -2, axes - 1, axes - 2}


def _signed(number: int) -> int:
    """Return what PyTorch keeps as an unsigned number of 64 bits."""
    return number - 2**64 if number >= 2**63 else number
