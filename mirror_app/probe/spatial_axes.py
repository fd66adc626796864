"""Where the rows and columns of the picture went on the way to a layer: read off the graph of one forward pass.

Each operation either keeps them, or moves them in a way that is known: a permutation, a view that flattens rows and
columns into tokens or takes them apart again, a class token put in front. Whatever else moves them ends the way.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node

from mirror_app.errors import MirrorError
from mirror_app.probe.autograd_graph import shape_of, signed, without_saving
from mirror_app.probe.padding import keeps_places, pads_beyond_reach
from mirror_app.probe.view import View

Shape = tuple[int, ...]

# Of maps (N, C, h, w): whatever these do to the channels and to the size, rows stay rows and columns columns.
_ON_MAPS = frozenset(
    "Convolution NativeBatchNorm CudnnBatchNorm MiopenBatchNorm NativeGroupNorm MaxPool2DWithIndices AvgPool2D "
    "AdaptiveAvgPool2D AdaptiveMaxPool2D UpsampleBilinear2D UpsampleNearest2D UpsampleBicubic2D UpsampleBilinear2DAa "
    "ConstantPadNd ReflectionPad2D ReplicationPad2D PixelShuffle PixelUnshuffle".split()
)
# These keep each axis where it is, if it keeps its size.
_KEEPS = frozenset(
    "Add Sub Mul Div Neg Pow Sqrt Rsqrt Exp Abs Clamp ClampMin ClampMax Maximum Minimum Where Clone Alias ToCopy Relu "
    "Threshold Hardtanh LeakyRelu RreluWithNoise PreluKernel Elu Celu Gelu Silu Mish Sigmoid Tanh Softplus Hardsigmoid "
    "Hardswish LogSigmoid NativeLayerNorm FusedRmsNorm NativeDropout NativeBatchNorm Slice Split SplitWithSizes Cat "
    "Repeat Expand Mean Sum Mm Addmm".split()
)
_VIEWS = frozenset("View UnsafeView Reshape ReshapeAlias Squeeze Unsqueeze".split())


@dataclass(frozen=True)
class SpatialAxes:
    """The `axes` that are the rows and the columns, or the one that is both, behind `prefix` entries of no place."""

    axes: tuple[int, ...]
    grid: tuple[int, int] | None  # known from where rows and columns are apart
    prefix: int = 0


def spatial_axes_from_graph(view: View, picture: Tensor, layer: str) -> SpatialAxes | None:
    """Return where `layer` has the places of `picture` (1, C, H, W), in an output with its batch first.

    One way through the graph is proof: what is added to it has to lie as it does. Returns None where there is none, and
    where two ways lead to different places. Raises MirrorError where the only ways are padded too much.
    """
    leaf = picture.detach().requires_grad_()
    try:
        with torch.enable_grad():
            output = without_saving(lambda: view.outputs_of(leaf.clone(), [layer])[layer])
    except MirrorError:  # gradients end on the way, and with them the graph
        return None
    if not isinstance(output, Tensor) or output.grad_fn is None or len(output) != 1:
        return None
    found: set[SpatialAxes] = set()
    is_padded = False
    for start in _starts(tuple(output.shape)):
        waiting: list[tuple[Node, SpatialAxes, Node | None]] = [(output.grad_fn, start, None)]
        seen: set[tuple[Node, SpatialAxes]] = set()
        while waiting:
            node, places, behind = waiting.pop()
            if not _lies_over(node, behind, places):
                is_padded = True
                continue
            if getattr(node, "variable", None) is leaf and places.axes == (2, 3):
                found.add(replace(start, grid=places.grid, prefix=places.prefix))
            if (node, places) not in seen:
                seen.add((node, places))
                waiting += [(parent, before, node) for parent, before in _below(node, places)]
    if is_padded and not found:
        raise MirrorError(
            f"On the way to the layer '{layer}' the picture is padded, so that its places do not lie over the picture: "
            "choose another."
        )
    return found.pop() if len(found) == 1 else None


def _starts(shape: Shape) -> list[SpatialAxes]:
    if len(shape) == 4:
        return [SpatialAxes(axes, (shape[axes[0]], shape[axes[1]])) for axes in ((2, 3), (1, 2))]
    return [SpatialAxes((axis,), None) for axis in (1, 2)] if len(shape) == 3 else []


def _below(node: Any, places: SpatialAxes) -> Iterator[tuple[Node, SpatialAxes]]:
    """Yield the nodes from which `node` takes its places, and where they are there."""
    name = node.name().rstrip("0123456789").removesuffix("Backward")
    shape = shape_of(node)
    for number, (parent, _) in enumerate(node.next_functions):
        if parent is None:
            continue
        given = shape_of(parent)
        before: SpatialAxes | None = None
        if name in _ON_MAPS and places.axes == (2, 3):
            is_like = len(given) == 4 and _as_fine(given, places) and not pads_beyond_reach(node)
            before = places if is_like else None
        elif name in _KEEPS and all(axis < len(given) and given[axis] == shape[axis] for axis in places.axes):
            before = places if len(given) == len(shape) else None
        elif name == "Permute":
            before = replace(places, axes=tuple(signed(node._saved_dims[axis]) % len(shape) for axis in places.axes))
        elif name == "Transpose":
            swapped = [signed(axis) % len(shape) for axis in (node._saved_dim0, node._saved_dim1)]
            swap = dict(zip(swapped, reversed(swapped), strict=True))
            before = replace(places, axes=tuple(swap.get(axis, axis) for axis in places.axes))
        elif name in _VIEWS:
            before = _viewed(places, shape, given)
        elif name == "Cat" and len(places.axes) == 1 and (begin := _begin(node, number, places.axes[0])) is not None:
            before = replace(places, prefix=places.prefix + begin)
        if before is not None:
            yield parent, before


def _lies_over(node: Node, behind: Node | None, places: SpatialAxes) -> bool:
    """Tell whether what `node` gives, and `behind` takes, still lies over what `node` may have padded."""
    return places.axes != (2, 3) or places.grid is None or keeps_places(node, behind, places.grid)


def _as_fine(shape: Shape, places: SpatialAxes) -> bool:
    """Tell whether maps have rows and columns where the layer has: what is pooled to one and enlarged has lost them."""
    return all(side > 1 or cells == 1 for side, cells in zip(shape[2:], places.grid or (2, 2), strict=True))


def _begin(node: Any, number: int, axis: int) -> int | None:
    """Return where the part of that number begins in what was concatenated along `axis`; None where it is unknown.

    Of a part that does not come from the picture, as a class token, the graph has no size: it is what is left.
    """
    sizes = [shape_of(parent)[axis] if parent is not None else None for parent, _ in node.next_functions]
    left = shape_of(node)[axis] - sum(size for size in sizes if size is not None)
    is_before, is_behind = None in sizes[:number], None in sizes[number:]
    if is_before and is_behind:
        return None
    return sum(size for size in sizes[:number] if size is not None) + (left if is_before else 0)


def _viewed(places: SpatialAxes, shape: Shape, given: Shape) -> SpatialAxes | None:
    """Return where the places are in a tensor of the shape `given`, of which one of `shape` is a view in order."""
    ends = [math.prod(shape[axis + 1 :]) for axis in places.axes]
    sizes = [shape[axis] for axis in places.axes]
    found = [_axis(given, size, end) for size, end in zip(sizes, ends, strict=True)]
    if None not in found:
        return replace(places, axes=tuple(axis for axis in found if axis is not None))
    if len(places.axes) == 2:
        both = _axis(given, math.prod(sizes), ends[1]) if places.axes[1] == places.axes[0] + 1 else None
        return replace(places, axes=(both,)) if both is not None else None
    for axis in range(len(given) - 1):
        if given[axis] * given[axis + 1] == sizes[0] and math.prod(given[axis + 2 :]) == ends[0]:
            grid = places.grid or (given[axis], given[axis + 1])
            return replace(places, axes=(axis, axis + 1), grid=grid)
    return None


def _axis(shape: Shape, size: int, end: int) -> int | None:
    """Return the axis of that size behind which the product of all sizes is `end`."""
    axes = (axis for axis in range(len(shape)) if shape[axis] == size and math.prod(shape[axis + 1 :]) == end)
    return next(axes, None)
