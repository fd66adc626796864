"""The layers of a model: their tree in the order in which they run, lookup by dotted name, and stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

from torch import nn

from mirror_app.errors import MirrorError

Shape = tuple[int, ...]

EVERY = "*"  # used in place of a layer's name for all stages of the network


@dataclass(frozen=True)
class Call:
    """The record of a layer in a forward pass.

    `order` ranks the layers by their first call, and `times` counts the calls. `shape` is the shape of the last output
    without the batch axis, or None if the output is not a single tensor.
    """

    order: int
    times: int
    shape: Shape | None


@dataclass(frozen=True)
class Layer:
    """A submodule of a model.

    Args:
        name: The dotted name; '' is the model itself.
        type: The name of the layer's class.
        weights: The number of parameters in the layer, including those of its children.
        parent: The name of the layer that directly contains this one; None for the model.
        depth: The number of layers that contain this one.
        call: The record of this layer in a forward pass; None if the pass never reaches it.
        is_weighted: Whether the layer itself has parameters, not only its children.
        is_default: Whether this is the default layer of most visualisations.
        is_before_last: Whether this is the default layer of visualisations that prefer the second-to-last stage.
    """

    name: str
    type: str
    weights: int
    parent: str | None
    depth: int
    call: Call | None
    is_weighted: bool = False
    is_default: bool = False
    is_before_last: bool = False

    @property
    def label(self) -> str:
        """The last part of the dotted name."""
        return self.name.rpartition(".")[2]


def tree(model: nn.Module, calls: Mapping[str, Call], default: str = "", before_last: str = "") -> list[Layer]:
    """Return all layers of `model`: the model first, parents before children, siblings in the order in which they run.

    A container that is not itself called, such as an `nn.ModuleList`, takes the position of its first child. Layers
    that the forward pass never reaches come last among their siblings.

    Args:
        model: The model, whose layers are its `named_modules()`.
        calls: The records of a forward pass, by the layer's name.
        default: The name of the layer to mark with `is_default`.
        before_last: The name of the layer to mark with `is_before_last`.

    Example:
        >>> from torch import nn
        >>> from mirror_app.layers import Call, tree
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        >>> calls = {"": Call(0, 1, (8, 30, 30)), "0": Call(1, 1, (8, 30, 30)), "1": Call(2, 1, (8, 30, 30))}
        >>> for layer in tree(model, calls):
        ...     print(layer.depth, layer.type, layer.weights)
        0 Sequential 224
        1 Conv2d 224
        1 ReLU 0
    """
    modules = dict(model.named_modules())
    first = _first_positions(modules, calls)
    children: dict[str, list[str]] = {name: [] for name in modules}
    for name in modules:
        if name:
            children[parent_of(name)].append(name)
    layers: list[Layer] = []

    def visit(name: str, depth: int) -> None:
        weights = sum(p.numel() for p in modules[name].parameters())
        parent = parent_of(name) if name else None
        weighted = any(True for _ in modules[name].parameters(recurse=False))
        kind, call = type(modules[name]).__name__, calls.get(name)
        layers.append(Layer(name, kind, weights, parent, depth, call, weighted, name == default, name == before_last))
        for child in sorted(children[name], key=first.__getitem__):
            visit(child, depth + 1)

    visit("", 0)
    return layers


def parent_of(name: str) -> str:
    """Return the name of the layer that contains the layer `name`; '' is the model."""
    return name.rpartition(".")[0]


def find(model: nn.Module, layer: str | nn.Module) -> str:
    """Return the dotted name of a layer; if it is registered under several names, the first of them.

    Args:
        model: The model that contains the layer.
        layer: A dotted name, or a submodule of `model`.

    Raises:
        MirrorError: If the model does not contain the layer.

    Example:
        >>> from torch import nn
        >>> from mirror_app import layers
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        >>> layers.find(model, model[1])
        '1'
    """
    names: dict[int, str] = {id(module): name for name, module in model.named_modules()}
    if isinstance(layer, str):
        modules = dict(model.named_modules(remove_duplicate=False))  # a shared module may have a second name
        if layer not in modules:
            raise MirrorError(f"The model has no layer '{layer[:80]}'.", culprit=layer, accepted=names.values())
        layer = modules[layer]
    if id(layer) not in names:
        kind = type(layer).__name__
        raise MirrorError(f"This {kind} is not a layer of the model", culprit=kind, hint="pass one of its submodules")
    return names[id(layer)]


def default_layer(layers: Sequence[Layer], before_last: bool = False) -> str:
    """Return the name of the default layer; '', the model itself, if no layer has a spatial map.

    With `before_last`, return the default layer of visualisations that prefer the second-to-last stage.
    """
    return next((layer.name for layer in layers if (layer.is_before_last if before_last else layer.is_default)), "")


def candidates(layers: Sequence[Layer], classes: int | None) -> list[str]:
    """Return the layers that may become the default layer, the best first; the caller tests which of them work.

    For each weighted layer, from the last to the first, the candidate is the outermost layer that ends with it: a whole
    stage, with its normalisation and activation. Layers inside repeated blocks, and linear layers, come last. If the
    model does not output one number per class (`classes` is None), its last convolutions compute locations or boxes, so
    the end of the backbone comes first. Convolutions with one map per class are skipped if no linear layer follows.
    """
    by_name = {layer.name: layer for layer in layers}
    ends = sorted((layer for layer in layers if _can_end_stage(layer)), key=_order, reverse=True)
    linear = [_order(layer) for layer in layers if layer.type == "Linear" and layer.call]
    if classes and ends and not (linear and max(linear) > _order(ends[0])):
        ends = [layer for layer in ends if layer.type != "Conv2d" or (_shape(layer) or ())[0] != classes]
    names = dict.fromkeys(_outermost_ending_with(by_name, layers, layer) for layer in ends)
    blocks = _repeated_blocks(layers)
    outer = [
        name
        for name in names
        if by_name[name].type != "Linear" and not any(name.startswith(f"{block}.") for block in blocks)
    ]
    convs = [layer for layer in layers if layer.type == "Conv2d" and _map_size(layer)]
    backbone = [_outermost(by_name, _end_of_backbone(convs).name, _sides)] if convs and classes is None else []
    return list(dict.fromkeys([*backbone, *outer, *names]))


def _can_end_stage(layer: Layer) -> bool:
    """Tell whether a stage can end with this layer: it outputs maps, and is weighted or permutes axes."""
    return bool(layer.name and _map_size(layer) and (layer.is_weighted or layer.type == "Permute"))


def _outermost_ending_with(by_name: Mapping[str, Layer], layers: Sequence[Layer], layer: Layer) -> str:
    """Return the outermost layer, below the model, that ends with `layer` and has an output of the same size."""
    name, best = layer.parent, layer.name
    while name:
        within = [other for other in layers if other.name.startswith(f"{name}.") and _can_end_stage(other)]
        if max(within, key=_order) is not layer:
            break
        same = _sides(by_name[name]) == _sides(layer) or prod(_shape(by_name[name]) or ()) == prod(_shape(layer) or ())
        if _map_size(by_name[name]) and same:
            best = name
        name = by_name[name].parent
    return best


def _repeated_blocks(layers: Sequence[Layer]) -> list[str]:
    """Return the repeated blocks: siblings of the same type and output shape that contain other layers."""
    holders = {layer.parent for layer in layers}
    groups: dict[tuple[str | None, str, Shape], list[str]] = {}
    for layer in layers:
        if layer.name in holders and layer.type != "Sequential" and (shape := _shape(layer)):
            groups.setdefault((layer.parent, layer.type, shape), []).append(layer.name)
    return [name for names in groups.values() if len(names) > 1 for name in names]


def _end_of_backbone(convs: Sequence[Layer]) -> Layer:
    """Take the convolutions with the most channels, and return the last in the same top-level module as their first."""
    most = max(map(_channels, convs))
    widest = [layer for layer in convs if _channels(layer) == most]
    part = widest[0].name.partition(".")[0]
    return [layer for layer in widest if layer.name.partition(".")[0] == part][-1]


def stages(layers: Sequence[Layer]) -> list[str]:
    """Return the name of one layer per stage of the network, in the order in which they run.

    A stage ends where the size of the maps changes. Its layer is the outermost one that contains the stage's last block
    and has maps of the same size. If the size never changes (vision transformers), the repeated blocks are the stages.
    """
    by_name = {layer.name: layer for layer in layers}
    blocks = [block for block in _blocks(by_name, layers[0]) if _map_size(block)]
    last = [block for block, following in zip_longest(blocks, blocks[1:]) if not _same_map_size(block, following)]
    names = [_outermost(by_name, block.name, _map_size) for block in last]
    siblings: dict[str | None, list[str]] = {}
    for name in _repeated_blocks(layers):
        if blocks and _same_map_size(by_name[name], blocks[-1]):
            siblings.setdefault(by_name[name].parent, []).append(name)
    repeated = max(siblings.values(), key=len, default=[])
    return repeated if len(names) < 3 and len(repeated) >= len(names) else names


def stages_before(layers: Sequence[Layer], name: str) -> list[str]:
    """Return the stages that end before the layer `name` and have outputs of another size, the last one first.

    A layer whose output is only permuted or normalised has the same size and belongs to the same stage.
    """
    by_name = {layer.name: layer for layer in layers}

    def end(name: str) -> int:
        return max(_order(layer) for layer in layers if f"{layer.name}.".startswith(f"{name}."))

    def size(name: str) -> int:
        return prod(_shape(by_name[name]) or ())

    return [stage for stage in reversed(stages(layers)) if end(stage) < end(name) and size(stage) != size(name)]


def _blocks(by_name: Mapping[str, Layer], layer: Layer) -> list[Layer]:
    """Return the blocks that run one after the other in `layer`, looking into sequences and layers without maps."""
    children = [child for child in by_name.values() if child.parent == layer.name]
    if children and (layer.name == "" or layer.type == "Sequential" or not _map_size(layer)):
        return [block for child in children for block in _blocks(by_name, child)]
    return [layer] if layer.call else []


def _same_map_size(layer: Layer, other: Layer | None) -> bool:
    return other is not None and _map_size(layer) == _map_size(other)


def outermost_like(layers: Sequence[Layer], name: str) -> str:
    """Return the outermost layer that contains the layer `name` and has the same output shape; '' is the model."""
    return _outermost({layer.name: layer for layer in layers}, name, _shape)


def _outermost(by_name: Mapping[str, Layer], name: str, property_of: Callable[[Layer], Shape | None]) -> str:
    """Return the outermost layer that contains the layer `name` and has the same value of `property_of`."""
    while (parent := by_name[name].parent) is not None and property_of(by_name[parent]) == property_of(by_name[name]):
        name = parent
    return name


def _map_size(layer: Layer) -> Shape | None:
    """Return the size of a layer's maps: (height, width), or (tokens,); None if it has no maps."""
    shape = _shape(layer)
    if not shape or len(shape) == 1 or max(shape[1:]) == 1:
        return None
    return shape[:1] if len(shape) == 2 else shape[1:]


def _order(layer: Layer) -> int:
    return layer.call.order if layer.call else 0


def _channels(layer: Layer) -> int:
    shape = _shape(layer)
    return shape[0] if shape and _map_size(layer) else 0


def _sides(layer: Layer) -> Shape | None:
    shape = _shape(layer)
    return shape[1:] if shape and len(shape) == 3 else None


def _shape(layer: Layer) -> Shape | None:
    return layer.call.shape if layer.call else None


def _first_positions(modules: Mapping[str, nn.Module], calls: Mapping[str, Call]) -> dict[str, tuple[int, int]]:
    last = len(calls)
    first = {name: (calls[name].order if name in calls else last, position) for position, name in enumerate(modules)}
    for name in reversed(list(modules)):
        if name and parent_of(name) not in calls:
            first[parent_of(name)] = min(first[parent_of(name)], first[name])
    return first
