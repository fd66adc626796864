"""How a layer's output holds its maps: which axes are places, and which place belongs to which cell of the picture.

A convolution gives (N, C, h, w), Swin (N, h, w, C), a vision transformer one token for each place behind a class token,
Hiera and NesT their tokens block by block. A shape alone cannot tell these apart, so a layout is proven: by the graph,
where every operation from the picture to the layer is known to keep or move its places, else by `gray_code`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.probe import gray_code
from mirror_app.probe.spatial_axes import spatial_axes_from_graph
from mirror_app.probe.view import View, require_tensor

Sides = tuple[int, int]
MOST_SPARE = 16  # tokens without a place: a class token, a distillation token, registers
MORE_PICTURES = 1  # than the inputs, in the batch that tells which axis follows their number


@dataclass(frozen=True)
class Layout:
    """Where in an output the cells of a `grid` (rows, columns) over the picture are.

    With the `batch_axis` moved to the front, and split where it holds several `groups` for each picture, `axes` are the
    axes that hold places, and `positions` the index along them, flattened, of each cell, row by row. It is None where
    the two axes are the rows and the columns themselves. All other axes hold channels.
    """

    grid: Sides
    axes: tuple[int, ...]
    positions: tuple[int, ...] | None = None
    batch_axis: int = 0
    groups: int = 1

    @property
    def is_batch_first(self) -> bool:
        """Whether each entry of the output's first axis belongs to one picture."""
        return self.batch_axis == 0 and self.groups == 1

    def columns(self, output: Tensor) -> Tensor:
        """Return `output` with its channels before its places: (N, C, h, w), or (N, C, P) with those without a cell."""
        items = output.movedim(self.batch_axis, 0)
        if self.groups > 1:
            items = items.unflatten(0, (-1, self.groups))
        behind = items.movedim(self.axes, tuple(range(-len(self.axes), 0)))
        if self.positions is not None:
            behind = behind.flatten(-len(self.axes))
        places = 2 if self.positions is None else 1
        channels = behind.ndim - 1 - places
        return behind.unsqueeze(1) if not channels else behind.flatten(1, channels)

    def maps(self, output: Tensor) -> Tensor:
        """Return the maps (N, C, h, w) that `output` holds."""
        columns = self.columns(output)
        if self.positions is None:
            return columns
        first, count = self.positions[0], len(self.positions)
        in_order = self.positions == tuple(range(first, first + count))
        cells = columns[..., first : first + count] if in_order else columns[..., list(self.positions)]
        return cells.unflatten(-1, self.grid)

    def output(self, maps: Tensor, like: Tensor) -> Tensor:
        """Return the output that holds `maps` (N, C, h, w); what has no cell is as in `like`, of N pictures or one.

        The batch must come first.
        """
        items = maps
        if self.positions is not None:
            items = self.columns(like).expand(len(maps), -1, -1).clone()
            items[..., list(self.positions)] = maps.flatten(2)
        places = [like.shape[axis] for axis in self.axes]
        channels = [side for axis, side in enumerate(like.shape) if axis and axis not in self.axes]
        apart = items.reshape(len(maps), *channels, *places)
        return apart.movedim(tuple(range(-len(self.axes), 0)), self.axes)


def find_layout(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    """Return how `output`, which `layer` gives for `inputs` (N, C, H, W), holds its maps: proven once, and kept.

    Raises MirrorError where it has no maps, or where no proof is clear.
    """
    key = (layer, tuple(inputs.shape[1:]))
    if key not in view.layouts:
        view.layouts[key] = _by_structure(view, inputs, layer, output) or _by_probe(view, inputs, layer, output)
    return view.layouts[key]


def token_layout(view: View, inputs: Tensor, name: str, answer: gray_code.Answer, tokens: Tensor) -> Layout:
    """Return where the places are in `tokens`, which the function `answer` gives for `inputs`; kept as `name`."""
    key = (name, tuple(inputs.shape[1:]))
    if key not in view.layouts:
        view.layouts[key] = _measured(answer, inputs, tokens, (inputs.shape[2], inputs.shape[3]), name)
    return view.layouts[key]


def _by_structure(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout | None:
    if output.ndim not in (3, 4) or len(output) != len(inputs):
        return None
    places = spatial_axes_from_graph(view, inputs[:1], layer)
    if places is None or places.grid is None or math.prod(places.grid) < 2:
        return None
    if len(places.axes) == 2:
        return Layout(places.grid, places.axes)
    return Layout(places.grid, places.axes, tuple(range(places.prefix, places.prefix + math.prod(places.grid))))


def _by_probe(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    def answer(pictures: Tensor) -> Tensor:
        return require_tensor(view.outputs_of(pictures, [layer])[layer], layer)

    size = (inputs.shape[2], inputs.shape[3])
    try:
        return _measured(answer, inputs, output, size, layer)
    except MirrorError:
        if (worked_on := _worked_on(view, inputs)) == size:
            raise
    return _measured(answer, inputs, output, worked_on, layer)


def _measured(answer: gray_code.Answer, inputs: Tensor, output: Tensor, size: Sides, layer: str) -> Layout:
    batch_axis, groups = _batch_axis(answer, inputs, output, layer)
    shape = [side for axis, side in enumerate(output.shape) if axis != batch_axis]
    shape = [groups, *shape] if groups > 1 else shape

    def items(pictures: Tensor) -> Tensor:
        found = answer(pictures).movedim(batch_axis, 0)
        return found.unflatten(0, (-1, groups)) if groups > 1 else found

    gives = f"The layer '{layer}' gives {_shown(output.shape[1:])}, in which"
    grid, proven = gray_code.GridDecoder(items, inputs).decode(_readings(shape, size)) or ((0, 0), {})
    if not proven:
        raise MirrorError(f"{gives} no places of the picture are found: choose another.")
    if len(proven) > 1:
        raise MirrorError(f"{gives} the picture's grid can be read in {len(proven)} ways: choose another.")
    ((axes, positions),) = proven.items()
    is_grid = len(axes) == 2 and positions == tuple(range(math.prod(grid))) and shape[axes[0] - 1] == grid[0]
    return Layout(grid, axes, None if is_grid else positions, batch_axis, groups)


def _batch_axis(answer: gray_code.Answer, inputs: Tensor, output: Tensor, layer: str) -> tuple[int, int]:
    """Return the axis of `output` that follows the number of pictures, and how many entries each of them has in it."""
    count = len(inputs) + MORE_PICTURES
    with torch.no_grad():
        other = answer(inputs[:1].expand(count, -1, -1, -1)).shape
    pairs = list(enumerate(zip(output.shape, other, strict=len(other) == output.ndim)))
    follows = [axis for axis, (few, more) in pairs if few != more]
    if len(follows) == 1 and output.shape[follows[0]] * count == other[follows[0]] * len(inputs):
        return follows[0], output.shape[follows[0]] // len(inputs)
    raise MirrorError(f"The layer '{layer}' gives {_shown(output.shape)}, in which no axis is that of the pictures.")


def _readings(shape: Sequence[int], size: Sides) -> list[tuple[Sides, tuple[int, ...]]]:
    """Return the grids that an item of that shape may hold, with the axes (the batch before them), most cells first."""
    found = []
    for first in range(len(shape)):
        for end in range(first + 1, len(shape) + 1):
            axes = tuple(range(first + 1, end + 1))
            length = math.prod(shape[first:end])
            most_spare = MOST_SPARE if len(axes) == 1 else 0
            for grid in _grids(size) if len(axes) < len(shape) else []:  # where an axis is left for channels
                cells = math.prod(grid)
                if 0 <= length - cells <= min(most_spare, cells // 3):
                    found.append((grid, axes))
            if len(axes) == 2 and _covers((shape[first], shape[first + 1]), size):
                found.append(((shape[first], shape[first + 1]), axes))
    return sorted(dict.fromkeys(found), key=lambda reading: -math.prod(reading[0]))


def _grids(size: Sides) -> list[Sides]:
    """Return the grids of square patches over a picture; at the border a patch may be cut, or left out."""
    height, width = size
    sides = range(1, max(size) + 1)
    grids = {(height // side, width // side) for side in sides} | {(-(-height // s), -(-width // s)) for s in sides}
    return sorted(grid for grid in grids if math.prod(grid) > 1)


def _covers(grid: Sides, size: Sides) -> bool:
    """Tell whether a grid has the proportions of a picture, up to a cell that a border costs on its shorter side."""
    (short, long), (height, width) = grid, size
    if height > width:
        short, long, height, width = long, short, width, height
    return short * long > 1 and abs(short - long * height / width) <= 1


def _worked_on(view: View, inputs: Tensor) -> Sides:
    """Return the size of what the first convolution takes: a detection model changes that of its pictures itself."""
    with torch.no_grad():
        view.record_calls(inputs[:1])
    run = [name for name, module in view.modules.items() if isinstance(module, nn.Conv2d) and name in view.calls]
    first = min(run, key=lambda name: view.calls[name].order, default=None)
    if first is None:
        return inputs.shape[2], inputs.shape[3]
    (taken, *_), _ = view.layer_arguments(inputs[:1], [first])[first]
    return taken.shape[2], taken.shape[3]


def _shown(shape: Sequence[int]) -> str:
    return " × ".join(str(side) for side in shape)
