"""Gradients rewritten on the graph of one computation, so that functional and in-place layers are rewritten as well."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import Node

from mirror_app.errors import MirrorError


def guide(output: Tensor) -> None:
    """Let only positive gradients pass each ReLU on the way from `output` down (guided backpropagation).

    Works on the graph of this one computation, so that functional and in-place ReLUs are guided as well. Raises
    MirrorError where there is no ReLU, or another activation for which the rule is not defined.

    Springenberg et al. 2015, «Striving for Simplicity: The All Convolutional Net».
    """
    for node in _relus(output, "Guided backpropagation"):
        node.register_prehook(lambda gradients: tuple(g.clamp(min=0) for g in gradients))


def deconvolve(output: Tensor) -> None:
    """Let each ReLU on the way from `output` down pass the positive part of the gradient, whatever it saw itself.

    As `guide`, and the same MirrorErrors. Zeiler and Fergus 2014, «Visualizing and Understanding Convolutional
    Networks».
    """
    for node in _relus(output, "The deconvolutional network"):
        node.register_hook(lambda _, gradients: tuple(g.clamp(min=0) for g in gradients))


def _relus(output: Tensor, method: str) -> list[Node]:
    """Return the ReLUs on the way from `output` down; raise MirrorError where `method` is not defined there."""
    nodes = list(graph(output))
    strangers = sorted({n.name().removesuffix("Backward0") for n in nodes if n.name() in _UNGUIDABLE})
    if strangers:
        raise MirrorError(
            f"{method} is defined for ReLU only, and this model uses {', '.join(strangers)}: take the plain gradient."
        )
    relus = [node for node in nodes if node.name() == "ReluBackward0"]
    if not relus:
        raise MirrorError(f"{method} needs a ReLU, and this model has none: take the plain gradient.")
    return relus


def revive(output: Tensor) -> None:
    """Let each ReLU on the way from `output` down that would stop the whole gradient of an item pass it instead.

    A unit that is silent everywhere has no gradient at all; with this one it can be woken.
    """
    for node in graph(output):
        if node.name() in ("ReluBackward0", "HardtanhBackward0"):
            node.register_hook(_pass_where_all_is_stopped)


def _pass_where_all_is_stopped(below: tuple[Tensor, ...], above: tuple[Tensor, ...]) -> tuple[Tensor]:
    passed = below[0].flatten(1).any(1).view(-1, *[1] * (below[0].ndim - 1))
    return (torch.where(passed, below[0], above[0]),)


def graph(output: Tensor) -> Iterator[Node]:
    """Yield each node of the graph of the computation that gave `output`, once; it is walked as far as one asks."""
    seen: set[Node] = set()
    waiting = [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(parent for parent, _ in node.next_functions)
            yield node


_UNGUIDABLE = {
    f"{name}Backward0"
    for name in (
        "Celu Elu Gelu Hardsigmoid Hardswish Hardtanh LeakyRelu Mish PreluKernel Sigmoid Silu Softplus Tanh Threshold"
    ).split()
}
