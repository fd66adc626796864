"""Where on the picture the queries and keys of an attention operation lie.

Tokens may stand row by row behind a class token, in windows that are shifted over the picture, or on a grid coarser
than that of the queries. Their shape does not show which of these applies. So the tokens are traced: those that enter
the attention's module, whose layout is known, are changed in the pattern of a Gray code (see `gray_code`). How each key
and query responds shows which of the entering tokens it was computed from.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.probe import gray_code
from mirror_app.probe.attention_calls import AttentionCall, attention_layers, reading_attention
from mirror_app.probe.layer_inputs import first_tensor, layer_input, with_first_tensor
from mirror_app.probe.layout import MAX_EXTRA_TOKENS, Layout, Size, layout_from_graph, token_layout
from mirror_app.probe.view import View

TokensOf = Callable[[AttentionCall], Tensor]
SILENT = 1e-12  # a token that responds with less than this share of the largest response depends on no changed token


class NoPlacesError(MirrorError):
    """Raised if the tokens of an attention operation do not correspond to locations in the picture."""


@dataclass(frozen=True)
class Tokens:
    """Which cell of the picture each token belongs to, for the queries or for the keys of an attention operation.

    Attributes:
        grid: The number of rows and columns of cells.
        positions: The position of each cell's token, row by row. Positions are numbered along the axes of `windows`
            and then along the tokens.
        windows: The axes that number the windows, in tensors of shape (pictures, …, tokens).
    """

    grid: Size
    positions: tuple[int, ...]
    windows: tuple[int, ...] = ()

    def maps(self, values: Tensor) -> Tensor:
        """Return `values` (N, …, tokens) as maps (N, heads, rows, columns)."""
        return self.maps_of_positions(_by_position(values, self.windows))

    def maps_of_positions(self, values: Tensor) -> Tensor:
        """Return `values` (N, positions, heads) as maps (N, heads, rows, columns)."""
        return values[:, list(self.positions)].mT.unflatten(-1, self.grid)

    def position_at(self, row: float, column: float) -> int:
        """Return the position of the token whose cell holds a point of the picture, given in shares of its sides."""
        height, width = self.grid
        return self.positions[min(int(row * height), height - 1) * width + min(int(column * width), width - 1)]


@dataclass(frozen=True)
class Places:
    """Where the tokens of an attention operation lie; `queries` is None if no query has a place, as in pooling."""

    keys: Tokens
    queries: Tokens | None

    def read_from(self, weights: Tensor, query: int) -> Tensor:
        """Return how strongly query number `query` attends to each key, as maps (N, heads, h, w).

        `weights` has the shape (N, …, Q, K).
        """
        n_queries, n_keys = weights.shape[-2:]
        rows = _by_position(weights.mT, self.keys.windows)
        row = rows[:, query].unflatten(-1, (-1, n_keys)).mT
        keys = row.new_zeros(len(weights), rows.shape[1] // n_queries, n_keys, row.shape[2])
        keys[:, query // n_queries] = row
        return self.keys.maps_of_positions(keys.flatten(1, 2))

    def unplaced_queries(self, count: int) -> list[int]:
        """Return those of the `count` queries that have no place: class tokens, registers, the queries of a pooling."""
        placed = set() if self.queries is None else set(self.queries.positions)
        return [] if self.keys.windows else [query for query in range(count) if query not in placed]


def attention_places(view: View, inputs: Tensor, number: int) -> Places:
    """Return where the tokens of attention operation `number` lie; the result is cached.

    Operations are numbered in the order in which they run.

    Raises NoPlacesError if its keys do not correspond to locations, for example because it mixes channels.
    """
    key = (f"attention {number}", tuple(inputs.shape[1:]))
    if key not in view.layouts:
        view.layouts[key] = _traced(view, inputs[:1], number)
    places: Places = view.layouts[key]
    return places


def _traced(view: View, picture: Tensor, number: int) -> Places:
    running = attention_layers(view, picture)
    counts = Counter(layer for layers in running for layer in layers)
    earlier = Counter(layer for layers in running[:number] for layer in layers)
    innermost = running[number][-1]
    if not view.calls:
        view.record_calls(picture)
    layers = [
        layer
        for layer in reversed(running[number])
        if layer and counts[layer] == counts[innermost] and view.calls[layer].times == 1
    ]
    for layer, source in _proven_sources(view, picture, layers) or _measured_sources(view, picture, layers):
        tracer = _Tracer(view, picture, layer, source, earlier[layer])
        if keys := tracer.keys():
            return Places(keys, tracer.queries())
    raise NoPlacesError(
        f"The tokens that '{innermost}' attends to do not correspond to locations in the picture",
        culprit=innermost,
        accepted="attention between locations of the picture",
        hint="choose another layer",
    )


def _proven_sources(view: View, picture: Tensor, layers: list[str]) -> list[tuple[str, Layout]]:
    """Return the layers whose input has a layout that the autograd graph proves, with this layout."""
    layouts = [(layer, layout_from_graph(picture, layer, partial(layer_input, view, layer=layer))) for layer in layers]
    return [(layer, layout) for layer, layout in layouts if layout]


def _measured_sources(view: View, picture: Tensor, layers: list[str]) -> Iterator[tuple[str, Layout]]:
    """Yield the layers whose input has a layout that can be measured, with this layout."""
    for layer in layers:
        input_of = partial(layer_input, view, layer=layer)
        with torch.no_grad():
            tokens = input_of(picture)
        try:
            layout = token_layout(view, picture, f"the input of {layer}", input_of, tokens)
        except MirrorError:
            continue
        yield layer, layout


class _Tracer:
    """Traces cells from the input of a layer, laid out as `source`, to keys and queries of the attention in it.

    `index` is the index of the attention operation among those in the layer.
    """

    def __init__(self, view: View, picture: Tensor, layer: str, source: Layout, index: int) -> None:
        self._view, self._picture, self._layer, self._index = view, picture, layer, index
        self._arguments = view.layer_arguments(picture, [layer])[layer]
        self._tokens = first_tensor(self._arguments, layer).movedim(source.batch_axis, 0)
        self._source = replace(source, batch_axis=0)
        self._batch_axis = source.batch_axis
        self._maps = self._source.maps(self._tokens)
        self._noise = torch.randn(self._maps.shape, generator=torch.Generator().manual_seed(0)).to(self._maps)
        self._noise = self._noise * self._maps.std((2, 3), keepdim=True) + self._maps.mean((2, 3), keepdim=True)
        self._responses: dict[Size, list[AttentionCall]] = {}

    def keys(self) -> Tokens | None:
        """Return the cells of the keys, or None if they have none. A key's response is measured in its value vector."""
        return self._decoded(lambda call: call.values)

    def queries(self) -> Tokens | None:
        """Return the cells of the queries, or None if they have none."""
        return self._decoded(lambda call: call.weights if call.queries is None else call.queries)

    def _decoded(self, tokens_of: TokensOf) -> Tokens | None:
        source_grid = (self._maps.shape[2], self._maps.shape[3])
        count = tokens_of(self._respond(source_grid)[0]).shape[-2]
        for grid in dict.fromkeys((source_grid, *_coarser(source_grid))):
            fits = math.prod(grid) > 1 and 0 <= count - math.prod(grid) <= MAX_EXTRA_TOKENS
            if fits or grid == source_grid:
                code = gray_code.digits_of(grid)
                responses = torch.stack([tokens_of(call) for call in self._respond(grid)])
                energy = (responses[1:] - responses[:1]).double().pow(2).sum(-1)
                if tokens := _decode(energy, code) or (_decode_order(energy, code) if fits else None):
                    return tokens
            # On a coarser grid, some tokens that belong to cells of this grid would be taken for tokens without a cell.
            if fits:
                return None
        return None

    def _respond(self, grid: Size) -> list[AttentionCall]:
        """Return the attention operation in 1 + 2 D runs, with D the number of digits of the grid's code.

        The first run is for the layer's input itself. Then, for one digit after the other, the cells whose digit is 1
        are changed; then, again for one digit after the other, those whose digit is 0.
        """
        if grid not in self._responses:
            code = gray_code.digits_of(grid).to(self._maps.device)
            sides = zip(self._maps.shape[2:], grid, strict=True)
            rows, columns = (torch.arange(side) * count // side for side, count in sides)
            digits = code[:, rows][:, :, columns]
            changed = [torch.where(is_changed, self._noise, self._maps) for is_changed in (*digits, *~digits)]
            self._responses[grid] = [self._run(maps) for maps in (self._maps, *changed)]
        return self._responses[grid]

    def _run(self, maps: Tensor) -> AttentionCall:
        tokens = self._source.output(maps, like=self._tokens).movedim(0, self._batch_axis)
        positional, named = with_first_tensor(self._arguments, tokens, self._layer)
        calls: list[AttentionCall] = []
        with torch.no_grad(), reading_attention(self._view, self._picture, calls.append):
            self._view.modules[self._layer](*positional, **named)
        return calls[self._index]


def _decode(energy: Tensor, code: Tensor) -> Tokens | None:
    """Return which token belongs to each cell of a code (D, rows, columns), decoded from the tokens' responses.

    The responses are `energy` (2 D, …, T). Returns None unless each cell has exactly one token.
    """
    grid = (code.shape[1], code.shape[2])
    axes = [axis for axis in range(1, energy.ndim - 1) if energy.shape[axis] > 1]
    for windows in (chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)):
        by_position = _by_position(energy, windows).sum(-1)
        strength = by_position.sum(0)
        cells = gray_code.cells_of(gray_code.contrast_of(by_position, code), grid)
        cells = torch.where(strength > SILENT * strength.max(), cells, -1)
        placed = (cells >= 0).nonzero()[:, 0]
        if torch.equal(cells[placed].sort().values, torch.arange(math.prod(grid))):
            return Tokens(grid, tuple(placed[cells[placed].argsort()].tolist()), windows)
    return None


def _decode_order(energy: Tensor, code: Tensor) -> Tokens | None:
    """Return which token belongs to each cell of a code, by finding the order of cells that fits the tokens' responses.

    The responses are `energy` (2 D, …, T), the code is (D, rows, columns). Where a convolution comes before the keys,
    each key is made of several cells, and some of its digits are wrong. Returns None unless one
    order of the cells is clear, in all heads alike.
    """
    order = gray_code.best_order(gray_code.contrast_of(_by_position(energy, ()).sum(-1), code), code)
    if order is None:
        return None
    signs = code.flatten(1).double() * 2 - 1
    for axis in range(1, energy.ndim - 1):
        for entry in energy.movedim(axis, 0):
            contrast = gray_code.contrast_of(_by_position(entry[:, None], ()).sum(-1), code)[:, list(order[1])]
            if gray_code.agreement(contrast, signs) < gray_code.MIN_AGREEMENT:
                return None
    return Tokens((code.shape[1], code.shape[2]), order[1])


def _coarser(grid: Size) -> Iterator[Size]:
    """Yield the grids that result from pooling by 2, 3, …, each first with incomplete cells kept, then without."""
    height, width = grid
    for side in range(2, max(grid) + 1):
        yield -(-height // side), -(-width // side)
        yield max(1, height // side), max(1, width // side)


def _by_position(values: Tensor, windows: tuple[int, ...]) -> Tensor:
    """Return `values` (N, …, tokens) as (N, positions, heads)."""
    moved = values.movedim((*windows, -1), tuple(range(1, 2 + len(windows))))
    by_position = moved.flatten(1, 1 + len(windows))
    return by_position.flatten(2) if by_position.ndim > 2 else by_position.unsqueeze(-1)
