"""Rectifiers, max(x, 0) with or without an upper bound, however a model implements them, and their gradients."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from mirror_app.errors import MirrorError
from mirror_app.probe.autograd_graph import as_signed, graph_nodes
from mirror_app.probe.operations import LINEAR, operation_name

# Operations whose gradient needs no rewriting: linear operations and normalisations.
_GRADIENT_KEEPING = LINEAR | frozenset(
    "Rsub Convolution Addmm Addmv Baddbmm Mm Mv Bmm Dot Linear MkldnnLinear "
    "NativeBatchNorm CudnnBatchNorm MiopenBatchNorm NativeGroupNorm NativeLayerNorm "
    "AvgPool3D MaxPool3DWithIndices AdaptiveAvgPool3D UpsampleBicubic2D UpsampleTrilinear3D GridSampler2D "
    "ReflectionPad1D Im2Col Col2Im Gather IndexSelect".split()
)
_PROBABILITY_OPERATIONS = frozenset(("Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid"))  # logits to probabilities
_MASKING_FUNCTIONS = frozenset(("where", "mul", "mul_", "masked_fill", "masked_fill_"))
# Functions that use only the shape, dtype or device of one of their tensors, not its values.
_LIKE_FUNCTIONS = frozenset(
    "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty new_full new_tensor "
    "expand_as view_as reshape_as type_as to".split()
)
_DETACHED = "_mirror_detached_from_graph"

# By type of node: a function that tells from a node's saved attributes whether the node is a rectifier.
_IS_RECTIFIER: dict[str, Callable[[Any], bool]] = {
    "Relu": lambda _: True,
    "Hardtanh": lambda node: node._saved_min_val == 0 < node._saved_max_val,
    "Clamp": lambda node: _is_zero(node._saved_min) and not _is_zero(node._saved_max),
    "ClampMin": lambda node: _is_zero(node._saved_min),
    "Threshold": lambda node: node._saved_threshold == 0,
    "LeakyRelu": lambda node: node._saved_negative_slope == 0,
    "Maximum": lambda node: _is_zero(node._saved_self) or _is_zero(node._saved_other),
}


class Rectifiers(TorchFunctionMode):
    """Finds rectifiers made of selections or masks while a model runs: `with Rectifiers() as rectifiers:`.

    A selection or a mask, such as `where(x > 0, x, 0)` or `x * (x > 0)`, can be recognised only by its values, which
    are available only during the forward pass. The same holds for values that depend on the picture without a gradient,
    as in `x * x.sigmoid().detach()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rectifying_nodes: list[Node] = []
        self._unsupported: dict[Node, str] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        activations = {id(tensor): tensor for tensor in tensors if tensor.requires_grad}
        is_mask = name in _MASKING_FUNCTIONS and any(
            not tensor.requires_grad and _is_mask(tensor) for tensor in tensors
        )
        expected = next(iter(activations.values())).clamp(min=0) if len(activations) == 1 and is_mask else None
        has_detached = any(hasattr(tensor, _DETACHED) for tensor in tensors)
        output = func(*args, **(kwargs or {}))
        for result in tree_leaves(output) if (activations or has_detached) and name not in _LIKE_FUNCTIONS else ():
            if not isinstance(result, Tensor):
                continue
            if result.grad_fn is None:
                setattr(result, _DETACHED, True)
            elif expected is not None and torch.equal(result, expected):
                self._rectifying_nodes.append(result.grad_fn)
            elif expected is not None:
                self._unsupported[result.grad_fn] = f"{operation_name(result.grad_fn)} with a mask"
            elif has_detached:
                self._unsupported[result.grad_fn] = f"{operation_name(result.grad_fn)} with detached values"
        return output

    def find_below(self, output: Tensor, method: str) -> list[Node]:
        """Return the rectifiers in the graph below `output`.

        Raises MirrorError if there are none, or if the graph contains an operation for which `method` is not defined.
        """
        rectifiers, unsupported = [], set()
        above_logits = set(_nodes_above_logits(output))
        for node in graph_nodes(output):
            name = operation_name(node)
            if node in self._rectifying_nodes or _IS_RECTIFIER.get(name, lambda _: False)(node):
                rectifiers.append(node)
            elif node in self._unsupported:
                unsupported.add(self._unsupported[node])
            elif _is_maximum_of_stack(node):
                unsupported.add("a maximum of several activations")
            elif name not in _GRADIENT_KEEPING and node not in above_logits:
                unsupported.add(name)
        if unsupported:
            listed = ", ".join(sorted(unsupported))
            raise MirrorError(
                f"{method} is defined for rectifiers such as ReLU only, and this model uses {listed}",
                culprit=listed,
                accepted="rectifiers such as ReLU",
                hint="use the plain gradient",
            )
        if not rectifiers:
            raise MirrorError(
                f"{method} needs a rectifier such as ReLU, and this model has none",
                accepted="a rectifier such as ReLU",
                hint="use the plain gradient",
            )
        return rectifiers


def guide(output: Tensor, rectifiers: Rectifiers) -> None:
    """Let only positive gradients pass each rectifier below `output` (guided backpropagation).

    This works on the graph of one computation, so functional and in-place rectifiers are included. Raises MirrorError
    like `Rectifiers.find_below`.

    References:
        Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net".
    """
    for node in rectifiers.find_below(output, "Guided backpropagation"):
        node.register_prehook(lambda gradients: tuple(g.clamp(min=0) for g in gradients))


def deconvolve(output: Tensor, rectifiers: Rectifiers) -> None:
    """Let each rectifier below `output` pass the positive part of the gradient, regardless of its own input.

    Raises the same MirrorErrors as `guide`.

    References:
        Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks".
    """
    for node in rectifiers.find_below(output, "The deconvolutional network"):
        node.register_hook(_pass_positive)


def _pass_positive(
    grad_inputs: tuple[Tensor | None, ...], grad_outputs: tuple[Tensor, ...]
) -> tuple[Tensor | None, ...]:
    return tuple(None if gradient is None else grad_outputs[0].clamp(min=0) for gradient in grad_inputs)


def _nodes_above_logits(output: Tensor) -> Iterator[Node]:
    """Yield the nodes that turn logits into probabilities, above the last weights. They are not rectifiers."""
    stack = [output.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and operation_name(node) in _PROBABILITY_OPERATIONS | {
            "Select",
            "Slice",
            "View",
            "Squeeze",
            "Unsqueeze",
            "Stack",
        }:
            yield node
            stack.extend(parent for parent, _ in node.next_functions)


def _is_maximum_of_stack(node: Any) -> bool:
    """Tell whether a node is the elementwise maximum of stacked activations."""
    if operation_name(node) not in ("Amax", "Max") or not hasattr(node, "_saved_dim"):
        return False
    stacked: Any = node.next_functions[0][0]
    if operation_name(stacked) != "Stack":
        return False
    ndim = node._saved_self.ndim if hasattr(node, "_saved_self") else len(node._saved_self_sym_sizes)
    reduced_axes = node._saved_dim if isinstance(node._saved_dim, tuple) else (node._saved_dim,)
    return as_signed(stacked._saved_dim) % ndim in {as_signed(axis) % ndim for axis in reduced_axes}


def _is_zero(bound: object) -> bool:
    """Tell whether a bound, a number or a tensor without a gradient, is zero; None means no bound."""
    if isinstance(bound, Tensor):
        return not bound.requires_grad and not bound.any()
    return bound is not None and bound == 0


def _is_mask(tensor: Tensor) -> bool:
    return tensor.dtype is torch.bool or bool(((tensor == 0) | (tensor == 1)).all())
