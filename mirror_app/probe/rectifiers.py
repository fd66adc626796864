"""Rectifiers, max(x, 0) and those with a bound above, however a model writes them; and gradients rewritten at them."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from mirror_app.errors import MirrorError
from mirror_app.probe.autograd_graph import graph_nodes, signed
from mirror_app.probe.operations import LINEAR, operation_name

# What hands a gradient on as it is, without a rule: what is linear, and what shifts and scales to a common spread.
_UNCHANGED = LINEAR | frozenset(
    "Rsub Convolution Addmm Addmv Baddbmm Mm Mv Bmm Dot Linear MkldnnLinear "
    "NativeBatchNorm CudnnBatchNorm MiopenBatchNorm NativeGroupNorm NativeLayerNorm "
    "AvgPool3D MaxPool3DWithIndices AdaptiveAvgPool3D UpsampleBicubic2D UpsampleTrilinear3D GridSampler2D "
    "ReflectionPad1D Im2Col Col2Im Gather IndexSelect".split()
)
_ABOVE = frozenset(("Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid"))  # what turns logits into probabilities
_CHOICES = frozenset(("where", "mul", "mul_", "masked_fill", "masked_fill_"))
# What takes from one of its tensors only how a new or another one shall look, and not its numbers.
_LOOKS = frozenset(
    "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty new_full new_tensor "
    "expand_as view_as reshape_as type_as to".split()
)
_NO_SLOPE = "_mirror_depends_without_a_slope"

# What tells of each of these nodes, by what it keeps, that it is a rectifier.
_BOUNDS: dict[str, Callable[[Any], bool]] = {
    "Relu": lambda _: True,
    "Hardtanh": lambda node: node._saved_min_val == 0 < node._saved_max_val,
    "Clamp": lambda node: _is_zero(node._saved_min) and not _is_zero(node._saved_max),
    "ClampMin": lambda node: _is_zero(node._saved_min),
    "Threshold": lambda node: node._saved_threshold == 0,
    "LeakyRelu": lambda node: node._saved_negative_slope == 0,
    "Maximum": lambda node: _is_zero(node._saved_self) or _is_zero(node._saved_other),
}


class Rectifiers(TorchFunctionMode):
    """In `with Rectifiers() as rectifiers:` a model runs as ever; its choices and masks that rectify are noted.

    A choice or a mask, as in `where(x > 0, x, 0)` or `x * (x > 0)`, is known by its numbers alone, which are at hand
    only as it is computed. So is what depends on the picture without a slope, as in `x * x.sigmoid().detach()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._nodes: list[Node] = []
        self._strangers: dict[Node, str] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        answers = {id(tensor): tensor for tensor in tensors if tensor.requires_grad}
        is_mask = name in _CHOICES and any(not tensor.requires_grad and _is_mask(tensor) for tensor in tensors)
        expected = next(iter(answers.values())).clamp(min=0) if len(answers) == 1 and is_mask else None
        has_hidden = any(hasattr(tensor, _NO_SLOPE) for tensor in tensors)
        output = func(*args, **(kwargs or {}))
        for part in tree_leaves(output) if (answers or has_hidden) and name not in _LOOKS else ():
            if not isinstance(part, Tensor):
                continue
            if part.grad_fn is None:
                setattr(part, _NO_SLOPE, True)
            elif expected is not None and torch.equal(part, expected):
                self._nodes.append(part.grad_fn)
            elif expected is not None:
                self._strangers[part.grad_fn] = f"{operation_name(part.grad_fn)} with a mask"
            elif has_hidden:
                self._strangers[part.grad_fn] = f"{operation_name(part.grad_fn)} with detached numbers"
        return output

    def on_the_way(self, output: Tensor, method: str) -> list[Node]:
        """Return the rectifiers on the way from `output` down.

        Raises MirrorError where there are none, or where anything else on the way is not known to leave gradients as
        they are: `method` is not defined there.
        """
        found, strangers = [], set()
        head = set(_head(output))
        for node in graph_nodes(output):
            name = operation_name(node)
            if node in self._nodes or _BOUNDS.get(name, lambda _: False)(node):
                found.append(node)
            elif node in self._strangers:
                strangers.add(self._strangers[node])
            elif _is_larger_of_several(node):
                strangers.add("the larger of several answers")
            elif name not in _UNCHANGED and node not in head:
                strangers.add(name)
        if strangers:
            raise MirrorError(
                f"{method} is defined for rectifiers such as ReLU only, and this model uses "
                f"{', '.join(sorted(strangers))}: take the plain gradient."
            )
        if not found:
            raise MirrorError(
                f"{method} needs a rectifier such as ReLU, and this model has none: take the plain gradient."
            )
        return found


def guide(output: Tensor, rectifiers: Rectifiers) -> None:
    """Let only positive gradients pass each rectifier on the way from `output` down (guided backpropagation).

    Works on the graph of this one computation, so that functional and in-place rectifiers are guided as well. Raises
    MirrorError as `Rectifiers.on_the_way` does.

    Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net".
    """
    for node in rectifiers.on_the_way(output, "Guided backpropagation"):
        node.register_prehook(lambda gradients: tuple(g.clamp(min=0) for g in gradients))


def deconvolve(output: Tensor, rectifiers: Rectifiers) -> None:
    """Let each rectifier on the way from `output` down pass the positive part of the gradient, whatever it saw itself.

    Raises the same MirrorErrors as `guide`. Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional
    Networks".
    """
    for node in rectifiers.on_the_way(output, "The deconvolutional network"):
        node.register_hook(_pass_positive)


def _pass_positive(below: tuple[Tensor | None, ...], above: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
    return tuple(None if part is None else above[0].clamp(min=0) for part in below)


def _head(output: Tensor) -> Iterator[Node]:
    """Yield the nodes above the last weights that turn logits into probabilities: no rectifier lies above them."""
    waiting = [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and operation_name(node) in _ABOVE | {
            "Select",
            "Slice",
            "View",
            "Squeeze",
            "Unsqueeze",
            "Stack",
        }:
            yield node
            waiting.extend(parent for parent, _ in node.next_functions)


def _is_larger_of_several(node: Any) -> bool:
    """Tell whether a node takes the largest of answers that were stacked, place by place."""
    if operation_name(node) not in ("Amax", "Max") or not hasattr(node, "_saved_dim"):
        return False
    below: Any = node.next_functions[0][0]
    if operation_name(below) != "Stack":
        return False
    count = node._saved_self.ndim if hasattr(node, "_saved_self") else len(node._saved_self_sym_sizes)
    taken = node._saved_dim if isinstance(node._saved_dim, tuple) else (node._saved_dim,)
    return signed(below._saved_dim) % count in {signed(axis) % count for axis in taken}


def _is_zero(bound: object) -> bool:
    """Tell whether a bound, a number or a tensor without a gradient, is zero; None is no bound."""
    if isinstance(bound, Tensor):
        return not bound.requires_grad and not bound.any()
    return bound is not None and bound == 0


def _is_mask(tensor: Tensor) -> bool:
    return tensor.dtype is torch.bool or bool(((tensor == 0) | (tensor == 1)).all())
