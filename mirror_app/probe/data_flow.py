"""Which layer's output reaches which layer: read off the graph of one forward pass, so that no path is guessed."""

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
    """Return the pairs (from, to) of the layers `names` between which data flows with none of the others between.

    The layers must not lie in one another. What no other of them gives comes from “the picture”.
    """
    givers: dict[Node, str] = {}
    takers: list[tuple[str, list[Node]]] = []

    def take(name: str, _module: object, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        takers.append((name, _nodes((arguments, options))))

    def give(name: str, _module: object, _inputs: object, output: object) -> object:
        # Of its own for each layer, though it may give what it was given.
        own = tree_map(lambda part: part.clone() if isinstance(part, Tensor) else part, output)
        givers.update(dict.fromkeys(_nodes(own), name))
        return own

    view.ensure_observed(inputs)
    leaf = inputs.to(view.device).detach().requires_grad_()
    with ExitStack() as hooks, torch.enable_grad():
        for name in names:
            module = view.modules[name]
            hooks.callback(module.register_forward_pre_hook(partial(take, name), with_kwargs=True).remove)
            hooks.callback(module.register_forward_hook(partial(give, name)).remove)
        started = leaf.clone()
        givers[started.grad_fn] = PICTURE  # type: ignore[index]
        view.run(started)
    return list(dict.fromkeys((giver, name) for name, nodes in takers for giver in _behind(nodes, givers)))


def _nodes(values: object) -> list[Node]:
    return [part.grad_fn for part in tree_leaves(values) if isinstance(part, Tensor) and part.grad_fn is not None]


def _behind(nodes: list[Node], givers: dict[Node, str]) -> list[str]:
    """Return who gave what the nodes were computed from, the nearest on each way."""
    found: dict[str, None] = {}
    seen: set[Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in givers:
            found[givers[node]] = None
        else:
            waiting += [parent for parent, _ in node.next_functions if parent is not None]
    return list(found)
