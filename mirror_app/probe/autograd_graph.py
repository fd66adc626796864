"""The graph of one computation: made without what it saves, its nodes, gradients that pass where a rectifier stops."""

from collections.abc import Callable, Iterator
from traceback import walk_tb
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.graph import Node, saved_tensors_hooks

from mirror_app.errors import MirrorError

T = TypeVar("T")
BACKWARD_INSIDE = (
    "The model calls backward() in its forward pass, which adds to the gradients of its weights: let it take "
    "torch.autograd.grad, or call it outside."
)


def without_saving(run: Callable[[], T]) -> T:
    """Return what `run()` gives, on a graph that keeps nothing for gradients but the shapes of what it would keep.

    A model that takes gradients in its own forward pass is run again, with all that is kept for them. Raises
    MirrorError where it calls `backward`.
    """
    is_running = True

    def unpack(shape: tuple[int, ...]) -> Tensor:
        if is_running:
            raise _NotSaved
        return torch.empty(shape, device="meta")

    try:
        with saved_tensors_hooks(lambda tensor: tuple(tensor.shape), unpack):
            return run()
    except _NotSaved as error:
        if is_in_backward(error):
            raise MirrorError(BACKWARD_INSIDE) from error
    finally:
        is_running = False
    return run()


class _NotSaved(BaseException):
    """A gradient is asked for whose graph has kept nothing."""


def is_in_backward(error: BaseException) -> bool:
    """Tell whether `error` was raised in `torch.autograd.backward`, which `Tensor.backward` calls as well."""
    return any(frame.f_code is torch.autograd.backward.__code__ for frame, _ in walk_tb(error.__traceback__))


def redirect_dead_relu(output: Tensor) -> None:
    """Let each ReLU on the way from `output` down that would stop the whole gradient of an item pass it instead.

    A unit that is silent everywhere has no gradient at all; with this one it can be woken.
    """
    for node in graph_nodes(output):
        if node.name() in ("ReluBackward0", "HardtanhBackward0"):
            node.register_hook(_pass_where_all_is_stopped)


def _pass_where_all_is_stopped(below: tuple[Tensor, ...], above: tuple[Tensor, ...]) -> tuple[Tensor]:
    passed = below[0].flatten(1).any(1).view(-1, *[1] * (below[0].ndim - 1))
    return (torch.where(passed, below[0], above[0]),)


def graph_nodes(output: Tensor) -> Iterator[Node]:
    """Yield each node of the graph of the computation that gave `output`, once; it is walked as far as one asks."""
    seen: set[Node] = set()
    waiting = [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(parent for parent, _ in node.next_functions)
            yield node


def shape_of(node: Any) -> tuple[int, ...]:
    """Return the shape of what a node of a graph gives."""
    return tuple(node._input_metadata[0].shape)


def signed(number: int) -> int:
    """Return what PyTorch keeps as an unsigned number of 64 bits."""
    return number - 2**64 if number >= 2**63 else number
