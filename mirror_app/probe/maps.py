"""What a layer gives, as spatial maps (N, C, h, w), and back.

A convolution holds its maps channels first, (N, C, h, w); Swin holds them channels last, (N, h, w, C); a vision
transformer holds one token for each place, (N, prefix + h · w, C), behind a class token and perhaps a few others. Which
of them it is shows in the shape: the grid of the maps has the proportions of the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.probe.view import View

Sides = tuple[int, int]
MOST_PREFIXES = 5  # a class token and four registers: Darcet et al. 2024, https://arxiv.org/abs/2309.16588


@dataclass(frozen=True)
class Layout:
    """How an output holds its maps, on a `grid` of (rows, columns), behind `prefix` tokens that have no place."""

    kind: Literal["channels first", "channels last", "tokens"]
    grid: Sides
    prefix: int = 0

    def maps(self, output: Tensor) -> Tensor:
        """Return the maps (N, C, h, w) that `output` holds."""
        match self.kind:
            case "channels first":
                return output
            case "channels last":
                return output.movedim(-1, 1)
            case "tokens":
                return output[:, self.prefix :].unflatten(1, self.grid).movedim(-1, 1)

    def output(self, maps: Tensor, like: Tensor) -> Tensor:
        """Return the output that holds `maps` (N, C, h, w), its prefix tokens those of `like` (N or 1, …)."""
        match self.kind:
            case "channels first":
                return maps
            case "channels last":
                return maps.movedim(1, -1)
            case "tokens":
                return torch.cat([like[:, : self.prefix].expand(len(maps), -1, -1), maps.flatten(2).mT], 1)


def layout(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    """Return how `output`, which `layer` gives for `inputs` (N, C, H, W), holds its maps.

    Raises MirrorError where it has none, or where its shape can be read in two ways.
    """
    size = (inputs.shape[2], inputs.shape[3])
    shape = output.shape[1:]
    alike = len(output) == len(inputs)
    if alike and not readings(shape, size):
        size = _worked_on(view, inputs)
    found = readings(shape, size) if alike else []
    if not found:
        raise MirrorError(
            f"A layer with a spatial map is needed, and '{layer}' gives {_shown(shape)}: "
            f"try '{view.layer(None)}', the last convolution."
        )
    # Channels come first in PyTorch, unless this model has layers where they can only be last.
    if len(found) == 2 and found[0].kind == "channels first" and not _has_channels_last(view, inputs, size):
        return found[0]
    if len(found) > 1:
        raise MirrorError(
            f"The layer '{layer}' gives {_shown(shape)}, in which the picture's grid can be read in "
            f"{len(found)} ways: take a picture of another size or shape."
        )
    return found[0]


def channels_first(output: Tensor, size: Sides) -> Tensor:
    """Return what a layer gives for pictures of `size`, with its channels, that may stand last, before its places."""
    last = [reading.kind for reading in readings(output.shape[1:], size)] == ["channels last"]
    return output.movedim(-1, 1) if last or output.ndim == 3 else output


def token_grid(length: int, size: Sides) -> list[Layout]:
    """Return all ways to read `length` tokens as a grid over a picture of `size` (height, width), prefix in front.

    A grid comes from square patches of any one side; at the border a patch may be cut, or left out.
    """
    height, width = size
    sides = range(1, max(size) + 1)
    grids = {(height // side, width // side) for side in sides} | {(-(-height // s), -(-width // s)) for s in sides}
    left = {(rows, columns): length - rows * columns for rows, columns in grids if rows * columns > 1}
    return [Layout("tokens", grid, prefix) for grid, prefix in sorted(left.items()) if 0 <= prefix <= MOST_PREFIXES]


def readings(shape: Sequence[int], size: Sides) -> list[Layout]:
    """Return all ways to read `shape`, of an output without its batch, as maps of a picture of `size`."""
    if len(shape) == 2:
        return token_grid(shape[0], size)
    if len(shape) == 3:
        first = Layout("channels first", (shape[1], shape[2]))
        last = Layout("channels last", (shape[0], shape[1]))
        return [reading for reading in (first, last) if _covers(reading.grid, size)]
    return []


def _worked_on(view: View, inputs: Tensor) -> Sides:
    """Return the size of what the first convolution takes: a detection model changes that of its pictures itself."""
    with torch.no_grad():
        view.record_calls(inputs[:1])
    run = [name for name, module in view.modules.items() if isinstance(module, nn.Conv2d) and name in view.calls]
    first = min(run, key=lambda name: view.calls[name].order, default=None)
    if first is None:
        return inputs.shape[2], inputs.shape[3]
    (taken, *_), _ = view.arguments(inputs[:1], [first])[first]
    return taken.shape[2], taken.shape[3]


def _covers(grid: Sides, size: Sides) -> bool:
    """Tell whether a grid has the proportions of a picture, up to the cells that borders cost on its shorter side."""
    (short, long), (height, width) = grid, size
    if height > width:
        short, long, height, width = long, short, width, height
    expected = long * height / width
    return short * long > 1 and abs(short - expected) <= 1 + expected / 10


def _has_channels_last(view: View, inputs: Tensor, size: Sides) -> bool:
    with torch.no_grad():
        view.record_calls(inputs[:1])
    all_readings = (readings(call.shape, size) for call in view.calls.values() if call.shape)
    return any([reading.kind for reading in found] == ["channels last"] for found in all_readings)


def _shown(shape: Sequence[int]) -> str:
    return " × ".join(str(side) for side in shape)
