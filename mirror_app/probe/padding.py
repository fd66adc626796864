"""Whether a layer's places still lie over the picture where a forward pass pads it, or maps of it.

At each border a kernel takes off what it needs to be filled, and padding makes up for that. What is padded beyond is no
place of the picture: in maps that are laid over it, all places would be moved.
"""

from typing import Any

from mirror_app.probe.autograd_graph import shape_of, signed
from mirror_app.probe.operations import operation_name

MOST = 0.5  # of a cell: how far one may be moved
_SIZES = {"ConstantPadNd": "_saved_pad", "ReflectionPad2D": "_saved_padding", "ReplicationPad2D": "_saved_padding"}
_POOLS = ("MaxPool2DWithIndices", "AvgPool2D")


def keeps_places(node: Any, behind: Any, grid: tuple[int, int]) -> bool:
    """Tell whether `node` of a graph is no padding (N, C, h, w) that moves a cell of a `grid` by more than half of it.

    `behind` is the node that takes what this one gives, None where that is the layer's output.
    """
    if operation_name(node) not in _SIZES:
        return True
    sizes = [signed(size) for size in getattr(node, _SIZES[operation_name(node)])]
    shapes = (shape_of(node.next_functions[0][0]), shape_of(node), shape_of(behind or node))
    for axis, (low, high) in enumerate((sizes[2:4] or [0, 0], sizes[:2])):
        length, padded, cells = (shape[2 + axis] for shape in shapes)
        assert padded == length + low + high
        extent, stride, own = _window(behind, axis)
        before = low + own - (extent - stride) / 2  # what the first cell sees too much, in pixels
        after = cells * stride - before - length
        count, middle = min(grid[axis], cells), (before + after) / 2
        if max(abs(count * before - middle), abs(count * after - middle)) > MOST * length:
            return False
    return True


def pads_beyond_reach(node: Any) -> bool:
    """Tell whether a convolution pads so much that its outermost places see nothing of its input."""
    if operation_name(node) != "Convolution" or node._saved_transposed:
        return False
    return any(own >= extent for extent, _, own in (_window(node, axis) for axis in (0, 1)))


def _window(node: Any, axis: int) -> tuple[int, int, int]:
    """Return the extent, the stride and the padding of the kernel of `node`, (1, 1, 0) where it has none."""
    kernel = _kernel(node)
    if len(kernel) != 2:
        return 1, 1, 0
    dilations, strides = getattr(node, "_saved_dilation", (1,)), node._saved_stride or kernel
    # One number may stand for both axes, as where a convolution's padding is "valid".
    dilation, stride, padding = (sizes[axis % len(sizes)] for sizes in (dilations, strides, node._saved_padding))
    return dilation * (kernel[axis] - 1) + 1, stride, padding


def _kernel(node: Any) -> tuple[int, ...]:
    """Return the size of the kernel of `node`, nothing where it has none, or none that is known."""
    name = operation_name(node) if node is not None else ""
    if name in _POOLS:
        return tuple(node._saved_kernel_size)
    if name != "Convolution" or node._saved_transposed:
        return ()
    try:
        return tuple(node._saved_weight.shape[2:])
    except RuntimeError:  # a checkpointed block would be computed again, from numbers that are not kept
        return ()
