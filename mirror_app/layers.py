"""The layers of a model: their tree, in the order in which they run, and how to find one by its dotted name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

from torch import nn

from mirror_app.errors import MirrorError, nearest

Shape = tuple[int, ...]

EVERY = "*"  # in place of a layer's name: every stage of the network


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
    is_weighted: bool = False  # whether it has weights of its own, and not only in the layers within
    is_default: bool = False  # whether one begins with it: `probe.default_layer`
    is_before_last: bool = False  # whether what shows the stage before the last begins with it

    @property
    def label(self) -> str:
        return self.name.rpartition(".")[2]


def tree(model: nn.Module, calls: Mapping[str, Call], default: str = "", before_last: str = "") -> list[Layer]:
    """Return all layers of `model`, parents before children, siblings in the order in which they run.

    A container that is never called itself (an `nn.ModuleList`) stands where the first of its children runs; layers
    that are never reached come last. `default` and `before_last` are the names of the layers to begin with.
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
        own = any(True for _ in modules[name].parameters(recurse=False))
        kind, call = type(modules[name]).__name__, calls.get(name)
        listed.append(Layer(name, kind, weights, parent, depth, call, own, name == default, name == before_last))
        for child in sorted(children[name], key=first.__getitem__):
            visit(child, depth + 1)

    visit("", 0)
    return listed


def parent_of(name: str) -> str:
    """Return the dotted name of the layer that holds `name`; '' is the model."""
    return name.rpartition(".")[0]


def find(model: nn.Module, layer: str | nn.Module) -> str:
    """Return the dotted name of `layer`, a name or a submodule of `model`; raise MirrorError."""
    names: dict[int, str] = {id(module): name for name, module in model.named_modules()}
    if isinstance(layer, str) and layer not in names.values():  # a second name of a module is as good as its first
        layer = dict(model.named_modules(remove_duplicate=False)).get(layer, layer)
    if isinstance(layer, nn.Module):
        if id(layer) not in names:
            raise MirrorError(f"This {type(layer).__name__} is no layer of the model: a submodule of it is needed.")
        return names[id(layer)]
    if layer not in names.values():
        raise MirrorError(f"The model has no layer '{layer[:80]}'.{nearest(layer, names.values())}")
    return layer


def default_layer(listed: Sequence[Layer], before_last: bool = False) -> str:
    """Return the name of the layer to begin with; it is empty, the model itself, where no layer has a map.

    `before_last` asks for that of the stage before the last, as `probe.default_layer` does.
    """
    return next((layer.name for layer in listed if (layer.is_before_last if before_last else layer.is_default)), "")


def candidates(listed: Sequence[Layer], classes: int | None) -> list[str]:
    """Return the layers that a look at a model may begin with, the best first; whether one works has to be tried.

    Each is the outermost layer that ends with the last layer that has weights, then with the one before it, and so on:
    a whole stage, normalised, activated, concatenated. Layers inside the repeated blocks of a network, and linear
    layers alone, come after all others. Where the model does not give one number for each of its `classes` (None), its
    last convolutions make the places or boxes of the answer, and the end of the backbone comes first. Maps of classes,
    which only an average follows, are passed over.
    """
    found = {layer.name: layer for layer in listed}
    ends = sorted((layer for layer in listed if _may_end(layer)), key=_order, reverse=True)
    linear = [_order(layer) for layer in listed if layer.type == "Linear" and layer.call]
    if classes and ends and not (linear and max(linear) > _order(ends[0])):
        ends = [layer for layer in ends if layer.type != "Conv2d" or (_shape(layer) or ())[0] != classes]
    names = dict.fromkeys(_ending_with(found, listed, layer) for layer in ends)
    blocks = _repeated(listed)
    outer = [
        name
        for name in names
        if found[name].type != "Linear" and not any(name.startswith(f"{block}.") for block in blocks)
    ]
    run = [layer for layer in listed if layer.type == "Conv2d" and _places(layer)]
    backbone = [_around(found, _end_of_backbone(run).name, _sides)] if run and classes is None else []
    return list(dict.fromkeys([*backbone, *outer, *names]))


def _may_end(layer: Layer) -> bool:
    """Tell whether a stage may end with this layer: it has weights of its own, or moves axes, and gives maps."""
    return bool(layer.name and _places(layer) and (layer.is_weighted or layer.type == "Permute"))


def _ending_with(found: Mapping[str, Layer], listed: Sequence[Layer], layer: Layer) -> str:
    """Return the outermost layer that ends with `layer` and has as many places, or numbers; not the model itself."""
    name, best = layer.parent, layer.name
    while name:
        within = [other for other in listed if other.name.startswith(f"{name}.") and _may_end(other)]
        if max(within, key=_order) is not layer:
            break
        same = _sides(found[name]) == _sides(layer) or prod(_shape(found[name]) or ()) == prod(_shape(layer) or ())
        if _places(found[name]) and same:
            best = name
        name = found[name].parent
    return best


def _repeated(listed: Sequence[Layer]) -> list[str]:
    """Return the blocks of which several, of one type and with layers of their own, give one shape side by side."""
    holders = {layer.parent for layer in listed}
    groups: dict[tuple[str | None, str, Shape], list[str]] = {}
    for layer in listed:
        if layer.name in holders and layer.type != "Sequential" and (shape := _shape(layer)):
            groups.setdefault((layer.parent, layer.type, shape), []).append(layer.name)
    return [name for names in groups.values() if len(names) > 1 for name in names]


def _end_of_backbone(run: Sequence[Layer]) -> Layer:
    """Return the last of the widest convolutions in that part of the model where the first of them is."""
    most = max(map(_channels, run))
    widest = [layer for layer in run if _channels(layer) == most]
    part = widest[0].name.partition(".")[0]
    return [layer for layer in widest if layer.name.partition(".")[0] == part][-1]


def stages(listed: Sequence[Layer]) -> list[str]:
    """Return one layer for each stage of the network, in the order in which they run.

    A stage ends where the maps change their size: it is the outermost layer around the last block with maps of that
    size. Where the size never changes, as that of a vision transformer's tokens, its repeated blocks are the stages.
    """
    found = {layer.name: layer for layer in listed}
    blocks = [block for block in _blocks(found, listed[0]) if _places(block)]
    last = [block for block, then in zip_longest(blocks, blocks[1:]) if not _alike(block, then)]
    names = [_around(found, block.name, _places) for block in last]
    siblings: dict[str | None, list[str]] = {}
    for name in _repeated(listed):
        if blocks and _alike(found[name], blocks[-1]):
            siblings.setdefault(found[name].parent, []).append(name)
    repeated = max(siblings.values(), key=len, default=[])
    return repeated if len(names) < 3 and len(repeated) >= len(names) else names


def stages_before(listed: Sequence[Layer], name: str) -> list[str]:
    """Return the stages that end before the layer of that name does, and give another count of numbers; the last first.

    The same numbers with their axes moved, or normalised, are the same stage.
    """
    found = {layer.name: layer for layer in listed}

    def end(name: str) -> int:
        return max(_order(layer) for layer in listed if f"{layer.name}.".startswith(f"{name}."))

    def size(name: str) -> int:
        return prod(_shape(found[name]) or ())

    return [stage for stage in reversed(stages(listed)) if end(stage) < end(name) and size(stage) != size(name)]


def _blocks(found: Mapping[str, Layer], layer: Layer) -> list[Layer]:
    """Return what runs one after the other inside `layer`: sequences and what gives no maps are taken apart."""
    children = [child for child in found.values() if child.parent == layer.name]
    if children and (layer.name == "" or layer.type == "Sequential" or not _places(layer)):
        return [block for child in children for block in _blocks(found, child)]
    return [layer] if layer.call else []


def _alike(layer: Layer, other: Layer | None) -> bool:
    return other is not None and _places(layer) == _places(other)


def outermost_like(listed: Sequence[Layer], name: str) -> str:
    """Return the outermost layer around `name` that gives something of the same shape; '' is the model."""
    return _around({layer.name: layer for layer in listed}, name, _shape)


def _around(found: Mapping[str, Layer], name: str, alike: Callable[[Layer], Shape | None]) -> str:
    """Return the outermost layer around `name` that is like it."""
    while (parent := found[name].parent) is not None and alike(found[parent]) == alike(found[name]):
        name = parent
    return name


def _places(layer: Layer) -> Shape | None:
    """Return what tells the places of a layer's maps: their height and width, or how many tokens there are."""
    shape = _shape(layer)
    if not shape or len(shape) == 1 or max(shape[1:]) == 1:
        return None
    return shape[:1] if len(shape) == 2 else shape[1:]


def _order(layer: Layer) -> int:
    return layer.call.order if layer.call else 0


def _channels(layer: Layer) -> int:
    shape = _shape(layer)
    return shape[0] if shape and _places(layer) else 0


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
