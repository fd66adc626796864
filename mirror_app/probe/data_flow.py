"""Which layers feed which other layers, read from the autograd graph of one forward pass."""

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.utils._pytree import tree_leaves, tree_map

from mirror_app.probe.view import View

PICTURE = "the picture"


def flow(view: View, inputs: Tensor, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs (from, to) of layers in `names` between which data flows directly.

    No other layer of `names` lies between the two. The layers must not be nested in one another. If data comes from
    none of these layers, the source is “the picture”.
    """
    producers: dict[Node, str] = {}
    consumers: list[tuple[str, list[Node]]] = []

    def on_call(name: str, _module: object, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        consumers.append((name, _grad_nodes((arguments, options))))

    def on_return(name: str, _module: object, _inputs: object, output: object) -> object:
        # The output is cloned, so that even a layer that returns its input has a node of its own.
        private_output = tree_map(lambda item: item.clone() if isinstance(item, Tensor) else item, output)
        producers.update(dict.fromkeys(_grad_nodes(private_output), name))
        return private_output

    view.ensure_observed(inputs)
    pixels = inputs.to(view.device).detach().requires_grad_()
    with ExitStack() as hooks, torch.enable_grad():
        for name in names:
            module = view.modules[name]
            hooks.callback(module.register_forward_pre_hook(partial(on_call, name), with_kwargs=True).remove)
            hooks.callback(module.register_forward_hook(partial(on_return, name)).remove)
        first_input = pixels.clone()
        producers[first_input.grad_fn] = PICTURE  # type: ignore[index]
        view.run(first_input)
    return list(
        dict.fromkeys(
            (producer, name) for name, nodes in consumers for producer in _nearest_producers(nodes, producers)
        )
    )


def _grad_nodes(values: object) -> list[Node]:
    return [value.grad_fn for value in tree_leaves(values) if isinstance(value, Tensor) and value.grad_fn is not None]


def _nearest_producers(nodes: list[Node], producers: dict[Node, str]) -> list[str]:
    """Return the producers from which `nodes` were computed, the nearest on each path."""
    names: dict[str, None] = {}
    visited: set[Node] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node in visited:
            continue
        visited.add(node)
        if node in producers:
            names[producers[node]] = None
        else:
            stack += [parent for parent, _ in node.next_functions if parent is not None]
    return list(names)
