"""The layers of a model: their tree, in the order in which they run, and how to find one by its dotted name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from mirror_app.errors import MirrorError, nearest

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """How a forward pass met a layer: when it first began there, how often, and the shape of its last output.

    `shape` is without the batch; None where the output is not one tensor.
    """

    order: int
    times: int
    shape: Shape | None


@dataclass(frozen=True)
class Layer:
    """A submodule under its dotted name; `call` is None where the forward pass never reaches it."""

    name: str
    type: str
    weights: int
    parent: str | None
    depth: int
    call: Call | None

    @property
    def label(self) -> str:
        return self.name.rpartition(".")[2]


def tree(model: nn.Module, calls: Mapping[str, Call]) -> list[Layer]:
    """Return all layers of `model`, parents before children, siblings in the order in which they run.

    A container that is never called itself (an `nn.ModuleList`) stands where the first of its children runs; layers
    that are never reached come last.
    """
    modules = dict(model.named_modules())
    first = _first_runs(modules, calls)
    children: dict[str, list[str]] = {name: [] for name in modules}
    for name in modules:
        if name:
            children[parent_of(name)].append(name)
    listed: list[Layer] = []

    def visit(name: str, depth: int) -> None:
        weights = sum(p.numel() for p in modules[name].parameters())
        parent = parent_of(name) if name else None
        listed.append(Layer(name, type(modules[name]).__name__, weights, parent, depth, calls.get(name)))
        for child in sorted(children[name], key=first.__getitem__):
            visit(child, depth + 1)

    visit("", 0)
    return listed


def parent_of(name: str) -> str:
    """Return the dotted name of the layer that holds `name`; «» is the model."""
    return name.rpartition(".")[0]


def find(model: nn.Module, layer: str | nn.Module | None) -> str:
    """Return the dotted name of `layer`: a name, a submodule, or None for the last convolution; raise MirrorError."""
    names: dict[int, str] = {id(module): name for name, module in model.named_modules()}
    if isinstance(layer, nn.Module):
        if id(layer) not in names:
            raise MirrorError(f"This {type(layer).__name__} is no layer of the model: a submodule of it is needed.")
        return names[id(layer)]
    if layer is None:
        return last_convolution(model)
    if layer not in names.values():
        raise MirrorError(f"The model has no layer '{layer[:80]}'.{nearest(layer, names.values())}")
    return layer


def last_convolution(model: nn.Module, calls: Mapping[str, Call] = MappingProxyType({})) -> str:
    """Return the name of the last two-dimensional convolution of `model`; raise MirrorError where it has none.

    It is the last that begins to run where `calls` say so, else the last that is defined.
    """
    found: list[str] = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    if not found:
        raise MirrorError("The model has no convolution to start from: name a layer.")
    return max((name for name in found if name in calls), key=lambda name: calls[name].order, default=found[-1])


def first_look(listed: Sequence[Layer]) -> str:
    """Return the layer to begin with: the outermost around the last convolution with maps of the same height and width.

    It is what a whole stage gives, normalised, activated, concatenated; without a convolution, the model itself.
    """
    found = {layer.name: layer for layer in listed}
    run = [layer for layer in listed if layer.type == "Conv2d" and layer.call]
    if not run:
        return ""
    name = max(run, key=lambda layer: layer.call.order if layer.call else 0).name
    while (parent := found[name].parent) is not None and _sides(found[parent]) == _sides(found[name]):
        name = parent
    return name


def whole(listed: Sequence[Layer], name: str) -> str:
    """Return the outermost layer around `name` that gives something of the same shape; «» is the model."""
    found = {layer.name: layer for layer in listed}
    while (parent := found[name].parent) is not None and _shape(found[parent]) == _shape(found[name]):
        name = parent
    return name


def _sides(layer: Layer) -> Shape | None:
    shape = _shape(layer)
    return shape[1:] if shape and len(shape) == 3 else None


def _shape(layer: Layer) -> Shape | None:
    return layer.call.shape if layer.call else None


def _first_runs(modules: Mapping[str, nn.Module], calls: Mapping[str, Call]) -> dict[str, tuple[int, int]]:
    never = len(calls)
    first = {name: (calls[name].order if name in calls else never, place) for place, name in enumerate(modules)}
    for name in reversed(list(modules)):
        if name and parent_of(name) not in calls:
            first[parent_of(name)] = min(first[parent_of(name)], first[name])
    return first
