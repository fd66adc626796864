"""Where the rows and columns of the picture are in a layer's output, read from the autograd graph of one forward pass.

Each operation must keep the rows and columns in their axes or move them in a known way: by a permutation, by a view
that joins them into tokens or splits them again, or by putting a class token in front. Any other operation ends the
search on its path.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node

from mirror_app.errors import MirrorError
from mirror_app.probe.autograd_graph import as_signed, output_shape, run_without_saving
from mirror_app.probe.padding import keeps_alignment, pads_beyond_kernel

Shape = tuple[int, ...]

# Operations on maps (N, C, h, w) that keep rows and columns in their axes, whatever they do to channels and size.
_MAP_OPERATIONS = frozenset(
    "Convolution NativeBatchNorm CudnnBatchNorm MiopenBatchNorm NativeGroupNorm MaxPool2DWithIndices AvgPool2D "
    "AdaptiveAvgPool2D AdaptiveMaxPool2D UpsampleBilinear2D UpsampleNearest2D UpsampleBicubic2D UpsampleBilinear2DAa "
    "ConstantPadNd ReflectionPad2D ReplicationPad2D PixelShuffle PixelUnshuffle".split()
)
# Operations that keep each axis in its position, if its size is unchanged.
_AXIS_KEEPING = frozenset(
    "Add Sub Mul Div Neg Pow Sqrt Rsqrt Exp Abs Clamp ClampMin ClampMax Maximum Minimum Where Clone Alias ToCopy Relu "
    "Threshold Hardtanh LeakyRelu RreluWithNoise PreluKernel Elu Celu Gelu Silu Mish Sigmoid Tanh Softplus Hardsigmoid "
    "Hardswish LogSigmoid NativeLayerNorm FusedRmsNorm NativeDropout NativeBatchNorm Slice Split SplitWithSizes Cat "
    "Repeat Expand Mean Sum Mm Addmm".split()
)
_VIEW_OPERATIONS = frozenset("View UnsafeView Reshape ReshapeAlias Squeeze Unsqueeze".split())


@dataclass(frozen=True)
class SpatialAxes:
    """Which axes of a tensor are spatial.

    Attributes:
        axes: The axis of the rows and that of the columns, or the one axis that holds both.
        grid: The number of rows and columns; None until a tensor with separate axes is found.
        prefix: The number of entries without a location at the start of a joint axis, such as class tokens.
    """

    axes: tuple[int, ...]
    grid: tuple[int, int] | None
    prefix: int = 0


def spatial_axes_from_graph(picture: Tensor, layer: str, tensor_of: Callable[[Tensor], object]) -> SpatialAxes | None:
    """Return the spatial axes of a tensor at `layer`, with the batch axis first.

    `tensor_of` runs the model on a picture (1, C, H, W) and returns the tensor, such as the output of the layer.

    One path through the graph is proof, because only tensors with the same layout can be added. Returns None if no path
    leads to the picture, or if two paths disagree. Raises MirrorError if no path is left because of too much padding.
    """
    pixels = picture.detach().requires_grad_()
    try:
        with torch.enable_grad():
            output = run_without_saving(lambda: tensor_of(pixels.clone()))
    except MirrorError:  # gradients end inside the model, and so does the graph
        return None
    if not isinstance(output, Tensor) or output.grad_fn is None or len(output) != 1:
        return None
    results: set[SpatialAxes] = set()
    is_misaligned = False
    for start in _possible_axes(tuple(output.shape)):
        stack: list[tuple[Node, SpatialAxes, Node | None]] = [(output.grad_fn, start, None)]
        visited: set[tuple[Node, SpatialAxes]] = set()
        while stack:
            node, spatial, consumer = stack.pop()
            if not _is_aligned(node, consumer, spatial):
                is_misaligned = True
                continue
            if getattr(node, "variable", None) is pixels and spatial.axes == (2, 3):
                results.add(replace(start, grid=spatial.grid, prefix=spatial.prefix))
            if (node, spatial) not in visited:
                visited.add((node, spatial))
                stack += [(parent, input_spatial, node) for parent, input_spatial in _inputs_with_axes(node, spatial)]
    if is_misaligned and not results:
        raise MirrorError(
            f"The picture is padded on the way to the layer '{layer}', so its maps do not align with the picture",
            culprit=layer,
            hint="choose another layer",
        )
    return results.pop() if len(results) == 1 else None


def _possible_axes(shape: Shape) -> list[SpatialAxes]:
    if len(shape) == 4:
        return [SpatialAxes(pair, (shape[pair[0]], shape[pair[1]])) for pair in ((2, 3), (1, 2))]
    return [SpatialAxes((axis,), None) for axis in (1, 2)] if len(shape) == 3 else []


def _inputs_with_axes(node: Any, spatial: SpatialAxes) -> Iterator[tuple[Node, SpatialAxes]]:
    """Yield the nodes that `node` takes its locations from, with the spatial axes of their outputs."""
    name = node.name().rstrip("0123456789").removesuffix("Backward")
    shape = output_shape(node)
    for index, (parent, _) in enumerate(node.next_functions):
        if parent is None:
            continue
        input_shape = output_shape(parent)
        input_spatial: SpatialAxes | None = None
        if name in _MAP_OPERATIONS and spatial.axes == (2, 3):
            keeps_axes = (
                len(input_shape) == 4 and _has_resolution(input_shape, spatial) and not pads_beyond_kernel(node)
            )
            input_spatial = spatial if keeps_axes else None
        elif name in _AXIS_KEEPING and all(
            axis < len(input_shape) and input_shape[axis] == shape[axis] for axis in spatial.axes
        ):
            input_spatial = spatial if len(input_shape) == len(shape) else None
        elif name == "Permute":
            input_spatial = replace(
                spatial, axes=tuple(as_signed(node._saved_dims[axis]) % len(shape) for axis in spatial.axes)
            )
        elif name == "Transpose":
            swapped = [as_signed(axis) % len(shape) for axis in (node._saved_dim0, node._saved_dim1)]
            swap = dict(zip(swapped, reversed(swapped), strict=True))
            input_spatial = replace(spatial, axes=tuple(swap.get(axis, axis) for axis in spatial.axes))
        elif name in _VIEW_OPERATIONS:
            input_spatial = _axes_before_view(spatial, shape, input_shape)
        elif (
            name == "Cat"
            and len(spatial.axes) == 1
            and (offset := _offset_in_cat(node, index, spatial.axes[0])) is not None
        ):
            input_spatial = replace(spatial, prefix=spatial.prefix + offset)
        if input_spatial is not None:
            yield parent, input_spatial


def _is_aligned(node: Node, consumer: Node | None, spatial: SpatialAxes) -> bool:
    """Tell whether the output of `node` stays aligned with its input; `consumer` may crop padding away again."""
    return spatial.axes != (2, 3) or spatial.grid is None or keeps_alignment(node, consumer, spatial.grid)


def _has_resolution(shape: Shape, spatial: SpatialAxes) -> bool:
    """Tell whether maps of this shape have several rows and columns wherever the layer's grid does.

    Pooling to one cell and enlarging it again loses the positions.
    """
    return all(side > 1 or cells == 1 for side, cells in zip(shape[2:], spatial.grid or (2, 2), strict=True))


def _offset_in_cat(node: Any, index: int, axis: int) -> int | None:
    """Return the offset of an operand in a concatenation along `axis`; None if it is unknown.

    The graph has no size for an operand that does not come from the picture, such as a class token: its size is
    whatever remains of the total.
    """
    sizes = [output_shape(parent)[axis] if parent is not None else None for parent, _ in node.next_functions]
    remainder = output_shape(node)[axis] - sum(size for size in sizes if size is not None)
    is_before, is_after = None in sizes[:index], None in sizes[index:]
    if is_before and is_after:
        return None
    return sum(size for size in sizes[:index] if size is not None) + (remainder if is_before else 0)


def _axes_before_view(spatial: SpatialAxes, shape: Shape, input_shape: Shape) -> SpatialAxes | None:
    """Return the spatial axes in a tensor of `input_shape`, given those in its view of `shape`."""
    strides = [math.prod(shape[axis + 1 :]) for axis in spatial.axes]
    sizes = [shape[axis] for axis in spatial.axes]
    input_axes = [_find_axis(input_shape, size, stride) for size, stride in zip(sizes, strides, strict=True)]
    if None not in input_axes:
        return replace(spatial, axes=tuple(axis for axis in input_axes if axis is not None))
    if len(spatial.axes) == 2:
        joint = (
            _find_axis(input_shape, math.prod(sizes), strides[1]) if spatial.axes[1] == spatial.axes[0] + 1 else None
        )
        return replace(spatial, axes=(joint,)) if joint is not None else None
    for axis in range(len(input_shape) - 1):
        if input_shape[axis] * input_shape[axis + 1] == sizes[0] and math.prod(input_shape[axis + 2 :]) == strides[0]:
            grid = spatial.grid or (input_shape[axis], input_shape[axis + 1])
            return replace(spatial, axes=(axis, axis + 1), grid=grid)
    return None


def _find_axis(shape: Shape, size: int, stride: int) -> int | None:
    """Return the axis with this size and this stride in a contiguous tensor."""
    axes = (axis for axis in range(len(shape)) if shape[axis] == size and math.prod(shape[axis + 1 :]) == stride)
    return next(axes, None)
