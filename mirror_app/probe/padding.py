"""Whether a layer's grid cells still align with the picture if the forward pass pads the picture or feature maps.

A kernel loses cells at each border, and padding makes up for them. Any further padding adds cells outside the picture.
If such a map were laid over the picture, all its cells would be shifted.
"""

from typing import Any

from mirror_app.probe.autograd_graph import as_signed, output_shape
from mirror_app.probe.operations import operation_name

MAX_SHIFT = 0.5  # the largest tolerable shift, in cells
_PADDING_ATTRIBUTES = {
    "ConstantPadNd": "_saved_pad",
    "ReflectionPad2D": "_saved_padding",
    "ReplicationPad2D": "_saved_padding",
}
_POOLINGS = ("MaxPool2DWithIndices", "AvgPool2D")


def keeps_alignment(node: Any, consumer: Any, grid: tuple[int, int]) -> bool:
    """Tell whether every cell of `grid` stays within half a cell of its place, despite any padding by `node`.

    Only the padding of a tensor (N, C, h, w) can shift cells. `consumer` is the node that takes the output of `node`;
    it is None if that output is the layer's output.
    """
    if operation_name(node) not in _PADDING_ATTRIBUTES:
        return True
    sizes = [as_signed(size) for size in getattr(node, _PADDING_ATTRIBUTES[operation_name(node)])]
    shapes = (output_shape(node.next_functions[0][0]), output_shape(node), output_shape(consumer or node))
    for axis, (low, high) in enumerate((sizes[2:4] or [0, 0], sizes[:2])):
        length, padded, output_size = (shape[2 + axis] for shape in shapes)
        assert padded == length + low + high
        extent, stride, kernel_padding = _window(consumer, axis)
        before = low + kernel_padding - (extent - stride) / 2  # how far the first cell reaches outside, in pixels
        after = output_size * stride - before - length
        count, middle = min(grid[axis], output_size), (before + after) / 2
        if max(abs(count * before - middle), abs(count * after - middle)) > MAX_SHIFT * length:
            return False
    return True


def pads_beyond_kernel(node: Any) -> bool:
    """Tell whether a convolution pads so much that its outermost locations see nothing of its input."""
    if operation_name(node) != "Convolution" or node._saved_transposed:
        return False
    return any(kernel_padding >= extent for extent, _, kernel_padding in (_window(node, axis) for axis in (0, 1)))


def _window(node: Any, axis: int) -> tuple[int, int, int]:
    """Return the extent, the stride and the padding of the kernel of `node`; (1, 1, 0) if it has none."""
    kernel = _kernel(node)
    if len(kernel) != 2:
        return 1, 1, 0
    dilations, strides = getattr(node, "_saved_dilation", (1,)), node._saved_stride or kernel
    # One number may stand for both axes, for example for the padding "valid".
    dilation, stride, padding = (values[axis % len(values)] for values in (dilations, strides, node._saved_padding))
    return dilation * (kernel[axis] - 1) + 1, stride, padding


def _kernel(node: Any) -> tuple[int, ...]:
    """Return the kernel size of `node`, or () if it has no kernel or the size is unknown."""
    name = operation_name(node) if node is not None else ""
    if name in _POOLINGS:
        return tuple(node._saved_kernel_size)
    if name != "Convolution" or node._saved_transposed:
        return ()
    try:
        return tuple(node._saved_weight.shape[2:])
    except RuntimeError:  # the weight of a checkpointed block was not saved
        return ()
