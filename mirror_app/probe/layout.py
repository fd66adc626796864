"""How a layer's output holds its spatial maps: which axes are spatial, and which position belongs to which grid cell.

A convolution returns (N, C, h, w) and Swin (N, h, w, C). A vision transformer returns a class token and one token per
patch; Hiera and NesT return their tokens block by block. The shape alone does not distinguish these layouts, so the
layout must be proven. If the autograd graph shows how each operation from the picture to the layer keeps or moves the
positions, the graph is the proof. Otherwise `gray_code` measures the layout.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.probe import gray_code
from mirror_app.probe.outputs import format_shape
from mirror_app.probe.spatial_axes import spatial_axes_from_graph
from mirror_app.probe.view import View, require_tensor

Size = tuple[int, int]
MAX_EXTRA_TOKENS = 16  # tokens that belong to no grid cell: class token, distillation token, registers
EXTRA_PICTURES = 1  # how many more pictures a second batch has; the axis that grows with it is the batch axis


@dataclass(frozen=True)
class Layout:
    """Where an output holds the cells of a `grid` (rows, columns) over the picture.

    Attributes:
        grid: The number of rows and columns.
        axes: The axes that hold positions. They are numbered after the batch axis has been moved to the front and, if
            `groups` > 1, split into (N, groups). All other axes hold channels.
        positions: The index of each cell along the flattened `axes`, row by row; None if the two axes are the rows and
            the columns.
        batch_axis: The axis that counts the pictures.
        groups: The number of consecutive entries of the batch axis that belong to one picture.
    """

    grid: Size
    axes: tuple[int, ...]
    positions: tuple[int, ...] | None = None
    batch_axis: int = 0
    groups: int = 1

    @property
    def is_batch_first(self) -> bool:
        """Whether each entry of the output's first axis belongs to one picture."""
        return self.batch_axis == 0 and self.groups == 1

    def channels_first(self, output: Tensor) -> Tensor:
        """Return `output` as (N, C, h, w), or as (N, C, P) with the positions outside the grid included."""
        items = output.movedim(self.batch_axis, 0)
        if self.groups > 1:
            items = items.unflatten(0, (-1, self.groups))
        positions_last = items.movedim(self.axes, tuple(range(-len(self.axes), 0)))
        if self.positions is not None:
            positions_last = positions_last.flatten(-len(self.axes))
        n_position_axes = 2 if self.positions is None else 1
        n_channel_axes = positions_last.ndim - 1 - n_position_axes
        return positions_last.unsqueeze(1) if not n_channel_axes else positions_last.flatten(1, n_channel_axes)

    def maps(self, output: Tensor) -> Tensor:
        """Return the maps (N, C, h, w) in `output`."""
        values = self.channels_first(output)
        if self.positions is None:
            return values
        first, count = self.positions[0], len(self.positions)
        is_consecutive = self.positions == tuple(range(first, first + count))
        cells = values[..., first : first + count] if is_consecutive else values[..., list(self.positions)]
        return cells.unflatten(-1, self.grid)

    def output(self, maps: Tensor, like: Tensor) -> Tensor:
        """Return an output that holds `maps` (N, C, h, w); positions outside the grid are copied from `like`.

        `like` is an output for N pictures or for one. The batch axis must come first.
        """
        if self.groups > 1:
            return replace(self, groups=1).output(maps, like.unflatten(0, (-1, self.groups))).flatten(0, 1)
        items = maps
        if self.positions is not None:
            items = self.channels_first(like).expand(len(maps), -1, -1).clone()
            items[..., list(self.positions)] = maps.flatten(2)
        position_sizes = [like.shape[axis] for axis in self.axes]
        channel_sizes = [side for axis, side in enumerate(like.shape) if axis and axis not in self.axes]
        unflattened = items.reshape(len(maps), *channel_sizes, *position_sizes)
        return unflattened.movedim(tuple(range(-len(self.axes), 0)), self.axes)


def find_layout(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    """Return how `output`, the output of `layer` for `inputs` (N, C, H, W), holds its maps; the result is cached.

    Raises MirrorError if there are no maps or if the layout is ambiguous.
    """
    key = (layer, tuple(inputs.shape[1:]))
    if key not in view.layouts:
        proven: Layout | None = None
        if output.ndim in (3, 4) and len(output) == len(inputs):
            proven = layout_from_graph(inputs[:1], layer, lambda pixels: view.outputs_of(pixels, [layer])[layer])
        view.layouts[key] = proven or _layout_by_measurement(view, inputs, layer, output)
    return view.layouts[key]


def token_layout(view: View, inputs: Tensor, name: str, output_of: gray_code.OutputFunction, tokens: Tensor) -> Layout:
    """Return the layout of `tokens`, which the function `output_of` returns for `inputs`; it is cached as `name`."""
    key = (name, tuple(inputs.shape[1:]))
    if key not in view.layouts:
        view.layouts[key] = _measure_layout(output_of, inputs, tokens, (inputs.shape[2], inputs.shape[3]), name)
    return view.layouts[key]


def layout_from_graph(picture: Tensor, layer: str, tensor_of: Callable[[Tensor], object]) -> Layout | None:
    """Return the layout of the tensor that `tensor_of` returns for `picture` (1, C, H, W), if the graph proves it."""
    spatial = spatial_axes_from_graph(picture, layer, tensor_of)
    if spatial is None or spatial.grid is None or math.prod(spatial.grid) < 2:
        return None
    if len(spatial.axes) == 2:
        return Layout(spatial.grid, spatial.axes)
    positions = range(spatial.prefix, spatial.prefix + math.prod(spatial.grid))
    return Layout(spatial.grid, spatial.axes, tuple(positions))


def _layout_by_measurement(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    def output_of(pictures: Tensor) -> Tensor:
        return require_tensor(view.outputs_of(pictures, [layer])[layer], layer)

    size = (inputs.shape[2], inputs.shape[3])
    try:
        return _measure_layout(output_of, inputs, output, size, layer)
    except MirrorError:
        if (internal_size := _first_conv_input_size(view, inputs)) == size:
            raise
    return _measure_layout(output_of, inputs, output, internal_size, layer)


def _measure_layout(
    output_of: gray_code.OutputFunction, inputs: Tensor, output: Tensor, size: Size, layer: str
) -> Layout:
    batch_axis, groups = _batch_axis(output_of, inputs, output, layer)
    shape = [side for axis, side in enumerate(output.shape) if axis != batch_axis]
    shape = [groups, *shape] if groups > 1 else shape

    def items(pictures: Tensor) -> Tensor:
        picture_output = output_of(pictures).movedim(batch_axis, 0)
        return picture_output.unflatten(0, (-1, groups)) if groups > 1 else picture_output

    subject = f"the output of layer '{layer}' ({format_shape(output.shape[1:])})"
    grid, layouts = gray_code.GridDecoder(items, inputs).decode(candidate_grids(shape, size)) or ((0, 0), {})
    if not layouts:
        raise MirrorError(f"No spatial map was found in {subject}", culprit=layer, hint="choose another layer")
    if len(layouts) > 1:
        raise MirrorError(
            f"{len(layouts)} layouts fit {subject}, so the spatial map is ambiguous",
            culprit=layer,
            hint="choose another layer",
        )
    ((axes, positions),) = layouts.items()
    is_grid = len(axes) == 2 and positions == tuple(range(math.prod(grid))) and shape[axes[0] - 1] == grid[0]
    return Layout(grid, axes, None if is_grid else positions, batch_axis, groups)


def _batch_axis(output_of: gray_code.OutputFunction, inputs: Tensor, output: Tensor, layer: str) -> tuple[int, int]:
    """Return the batch axis of `output` and the number of its entries per picture."""
    count = len(inputs) + EXTRA_PICTURES
    with torch.no_grad():
        other_shape = output_of(inputs[:1].expand(count, -1, -1, -1)).shape
    sizes = list(enumerate(zip(output.shape, other_shape, strict=len(other_shape) == output.ndim)))
    growing = [axis for axis, (size, other_size) in sizes if size != other_size]
    if len(growing) == 1 and output.shape[growing[0]] * count == other_shape[growing[0]] * len(inputs):
        return growing[0], output.shape[growing[0]] // len(inputs)
    raise MirrorError(
        f"No axis in the output of layer '{layer}' ({format_shape(output.shape)}) is the batch axis.", culprit=layer
    )


def candidate_grids(shape: Sequence[int], size: Size) -> list[tuple[Size, tuple[int, ...]]]:
    """Return the grids that one item of a batch may hold, largest first, with their axes (the batch axis is 0)."""
    candidates = []
    for first in range(len(shape)):
        for end in range(first + 1, len(shape) + 1):
            axes = tuple(range(first + 1, end + 1))
            n_positions = math.prod(shape[first:end])
            max_extra = MAX_EXTRA_TOKENS if len(axes) == 1 else 0
            for grid in _grids(size) if len(axes) < len(shape) else []:  # one axis must remain for channels
                n_cells = math.prod(grid)
                if 0 <= n_positions - n_cells <= min(max_extra, n_cells // 3):
                    candidates.append((grid, axes))
            if len(axes) == 2 and _has_proportions_of((shape[first], shape[first + 1]), size):
                candidates.append(((shape[first], shape[first + 1]), axes))
    return sorted(dict.fromkeys(candidates), key=lambda candidate: -math.prod(candidate[0]))


def _grids(size: Size) -> list[Size]:
    """Return the grids of square patches over a picture, both with and without incomplete patches at the border."""
    height, width = size
    patch_sizes = range(1, max(size) + 1)
    grids = {(height // side, width // side) for side in patch_sizes}
    grids |= {(-(-height // side), -(-width // side)) for side in patch_sizes}
    return sorted(grid for grid in grids if math.prod(grid) > 1)


def _has_proportions_of(grid: Size, size: Size) -> bool:
    """Tell whether a grid has the aspect ratio of a picture, give or take one cell on its shorter side."""
    (grid_short, grid_long), (height, width) = grid, size
    if height > width:
        grid_short, grid_long, height, width = grid_long, grid_short, width, height
    return grid_short * grid_long > 1 and abs(grid_short - grid_long * height / width) <= 1


def _first_conv_input_size(view: View, inputs: Tensor) -> Size:
    """Return the size of the first convolution's input; detection models resize the pictures before this layer."""
    with torch.no_grad():
        view.record_calls(inputs[:1])
    convolutions = [
        name for name, module in view.modules.items() if isinstance(module, nn.Conv2d) and name in view.calls
    ]
    first = min(convolutions, key=lambda name: view.calls[name].order, default=None)
    if first is None:
        return inputs.shape[2], inputs.shape[3]
    (conv_input, *_), _ = view.layer_arguments(inputs[:1], [first])[first]
    return conv_input.shape[2], conv_input.shape[3]
