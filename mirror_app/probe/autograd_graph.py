"""Functions on the autograd graph of one computation: record it without saved tensors, walk it, revive dead ReLUs."""

from collections.abc import Callable, Iterator
from traceback import walk_tb
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.graph import Node, saved_tensors_hooks

from mirror_app.errors import MirrorError

T = TypeVar("T")


def run_without_saving(run: Callable[[], T]) -> T:
    """Return the result of `run()`, with a graph that saves only the shapes of the tensors that gradients would need.

    A model that computes gradients in its own forward pass is run again, with everything saved. Raises MirrorError if
    the model calls `backward`.
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
        if raised_in_backward(error):
            raise backward_inside_error() from error
    finally:
        is_running = False
    return run()


class _NotSaved(BaseException):
    """Raised when a gradient needs a tensor that the graph did not save."""


def raised_in_backward(error: BaseException) -> bool:
    """Tell whether `error` was raised in `torch.autograd.backward`, which `Tensor.backward` also calls."""
    return any(frame.f_code is torch.autograd.backward.__code__ for frame, _ in walk_tb(error.__traceback__))


def backward_inside_error() -> MirrorError:
    """Return the error for a model that calls `backward` in its forward pass."""
    return MirrorError(
        "The model calls backward() in its forward pass, which accumulates gradients in its weights",
        culprit="backward()",
        hint="use torch.autograd.grad there, or call backward() outside the model",
    )


def redirect_dead_relu(output: Tensor) -> None:
    """Let each ReLU below `output` pass on the gradient of every batch item for which it would pass on nothing.

    A unit that is inactive everywhere has no gradient; the gradient that is passed on lets an optimiser activate it.
    """
    for node in graph_nodes(output):
        if node.name() in ("ReluBackward0", "HardtanhBackward0"):
            node.register_hook(_pass_if_all_blocked)


def _pass_if_all_blocked(grad_inputs: tuple[Tensor, ...], grad_outputs: tuple[Tensor, ...]) -> tuple[Tensor]:
    is_passing = grad_inputs[0].flatten(1).any(1).view(-1, *[1] * (grad_inputs[0].ndim - 1))
    return (torch.where(is_passing, grad_inputs[0], grad_outputs[0]),)


def graph_nodes(output: Tensor) -> Iterator[Node]:
    """Yield each node of the graph below `output` once, lazily."""
    visited: set[Node] = set()
    stack = [output.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in visited:
            visited.add(node)
            stack.extend(parent for parent, _ in node.next_functions)
            yield node


def output_shape(node: Any) -> tuple[int, ...]:
    """Return the shape of the tensor that a graph node produced."""
    return tuple(node._input_metadata[0].shape)


def as_signed(number: int) -> int:
    """Return the signed value of an integer that PyTorch stores as unsigned 64-bit."""
    return number - 2**64 if number >= 2**63 else number
