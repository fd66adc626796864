"""The graph of one computation: its nodes, and gradients that pass where a rectifier would stop them all."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import Node


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
