"""Which place of a layer's output belongs to which cell of the picture: measured, where no shape can tell.

Structured light, as scanners use it: the rows and columns of a grid over the picture are numbered in Gray code. For
each binary digit one picture changes the cells where it is 1, and one those where it is 0. A place answers more to the
picture that changes its own cell; its digits together name that cell. A grid of n cells takes 1 + 2 log2 n pictures.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

Sides = tuple[int, int]
Axes = tuple[int, ...]
Answer = Callable[[Tensor], Tensor]
MICRO_BATCH = 8
CLEAR = 0.5  # the contrast of a digit that is hardly read wrong
AGREEMENT = 0.35  # with an order, weighted by contrast: 1 is full, and a wrong order has about 0
MARGIN = 0.2  # by which the next order has to agree less
CLEARLY = 0.85  # the agreement of the clear digits
FEW_CELLS = 9  # below it chance may read a grid, and no reading counts before the last noise
SEEDS = (0, 1, 2)


class GridDecoder:
    """Reads where the cells of the picture are in an output, with pictures like the `inputs` (N, C, H, W).

    answer: from pictures (B, C, H, W) to an output of which the first axis is B.
    """

    def __init__(self, answer: Answer, inputs: Tensor) -> None:
        self.answer, self.inputs = answer, inputs
        self._energies: dict[tuple[Sides, float, Axes], Tensor | float] = {}

    def decode(self, readings: Sequence[tuple[Sides, Axes]]) -> tuple[Sides, dict[Axes, tuple[int, ...]]] | None:
        """Return the first grid that is clear, and where its cells are, row by row, along the axes; None for none.

        Where none is clear, all is measured again, with more noise.
        """
        for seed in SEEDS:
            for grid in dict.fromkeys(grid for grid, _ in readings):
                runs = [axes for other, axes in readings if other == grid]
                is_enough = math.prod(grid) >= FEW_CELLS or seed == SEEDS[-1]
                if (found := self._decode(grid, runs, seed)) and is_enough:
                    return grid, found
        return None

    def _decode(self, grid: Sides, runs: Sequence[Axes], seed: int) -> dict[Axes, tuple[int, ...]]:
        code = _code(grid)
        agreed: dict[Axes, tuple[float, tuple[int, ...]]] = {}
        # A convolution with a stride sees around the corner of a cell, or around its middle: both are tried.
        for shift in (0.0, 0.5):
            outputs = _outputs(self.answer, _pictures(self.inputs, code, shift, seed))
            found: dict[Axes, tuple[int, ...]] = {}
            for axes in runs:
                energy = self._energies.get((grid, shift, axes), 0.0) + _energy(outputs, axes)
                self._energies[grid, shift, axes] = energy
                contrast = _contrast(energy, code)
                if positions := _decoded(contrast, grid):
                    found[axes] = positions
                elif best := _best_order(contrast, code):
                    agreed[axes] = max(agreed.get(axes, best), best)
            if found:
                return found
        return {axes: positions for axes, (_, positions) in agreed.items()}


def _code(grid: Sides) -> Tensor:
    """Return the digits (D, rows, columns) of the cells: those of the row, then those of the column, in Gray code."""
    rows, columns = (_gray_digits(side) for side in grid)
    return torch.cat([rows[:, :, None].expand(-1, -1, grid[1]), columns[:, None].expand(-1, grid[0], -1)])


def _gray_digits(count: int) -> Tensor:
    numbers = torch.arange(count)
    digits = torch.arange((count - 1).bit_length())
    return ((numbers ^ numbers >> 1)[None] >> digits[:, None] & 1).bool()


def _pictures(inputs: Tensor, code: Tensor, shift: float, seed: int) -> Tensor:
    """Return noise (1 + 2 D, C, H, W): once as it is, then with the cells changed of which a digit is 1, then 0.

    The cells begin `shift` of their side higher and further left. The noise is as bright and as strong as the inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(2, *inputs.shape[1:], generator=generator, dtype=torch.float64)
    strength = float(inputs.double().std()) or 1.0
    base, other = (float(inputs.double().mean()) + strength * noise).to(inputs)[:, None]
    rows, columns = (
        ((torch.arange(length) / length * count + shift).long()).clamp(max=count - 1)
        for length, count in zip(inputs.shape[2:], code.shape[1:], strict=True)
    )
    changed = code[:, rows][:, :, columns][:, None].to(inputs.device)
    return torch.cat([base, torch.where(changed, other, base), torch.where(changed, base, other)])


def _outputs(answer: Answer, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([answer(part) for part in pictures.split(MICRO_BATCH)])


def _energy(outputs: Tensor, axes: Axes) -> Tensor:
    """Return how much each place answers to each picture, (2 D, places): the squares of what changes, over channels.

    What all places do together, as through global attention, is left out.
    """
    change = (outputs[1:] - outputs[:1]).double().movedim(axes, tuple(range(1, 1 + len(axes))))
    change = change.flatten(1, len(axes)).unsqueeze(-1).flatten(2)
    return (change - change.mean(1, keepdim=True)).pow(2).sum(2).cpu()


def _contrast(energy: Tensor, code: Tensor) -> Tensor:
    """Return how much more each place answers to the pictures of 1 than to those of 0: (D, places), in [-1, 1].

    Each energy is divided by the share of the picture that was changed: what grows with that share alone is left out.
    """
    share = code.flatten(1).double().mean(1, keepdim=True)
    ones, zeros = energy[: len(code)] / share, energy[len(code) :] / (1 - share)
    return (ones - zeros) / (ones + zeros).clamp(min=torch.finfo(torch.float64).tiny)


def _decoded(contrast: Tensor, grid: Sides) -> tuple[int, ...] | None:
    """Return the position of each cell where all cells but for a run of others are read exactly once, else None."""
    if contrast.isnan().any() or (contrast == 0).all(0).all():
        return None
    rows, columns = (contrast > 0).split([(side - 1).bit_length() for side in grid])
    row, column = _from_gray(rows), _from_gray(columns)
    cells = torch.where((row < grid[0]) & (column < grid[1]), row * grid[1] + column, -1)
    count, spare = math.prod(grid), len(cells) - math.prod(grid)
    strength = contrast.abs().sum(0)
    clear: list[tuple[float, tuple[int, ...]]] = []
    for start in range(count + 1 if spare else 1):
        places = torch.cat([torch.arange(start), torch.arange(start + spare, len(cells))])
        if torch.equal(cells[places].sort().values, torch.arange(count)):
            clear.append((float(strength[places].sum()), tuple(places[cells[places].argsort()].tolist())))
    return max(clear)[1] if clear else None


def _from_gray(digits: Tensor) -> Tensor:
    """Return the numbers (P,) with the Gray digits (D, P), the lowest first."""
    number = torch.zeros(digits.shape[1], dtype=torch.long)
    for index in range(len(digits)):
        number += (digits[index:].sum(0) % 2) << index
    return number


def _best_order(contrast: Tensor, code: Tensor) -> tuple[float, tuple[int, ...]] | None:
    """Return how well the best of the usual orders agrees with the contrast, and its positions; None if none is clear.

    Where the places of a layer see much around them, some digits are read wrong, and yet one order agrees by far. The
    rows and the columns have to agree each, and of the clear digits nearly all.
    """
    if contrast.isnan().any():
        return None
    signs = code.flatten(1).double() * 2 - 1
    of_rows = (code.shape[1] - 1).bit_length()
    agreements = []
    for order in _orders((code.shape[1], code.shape[2]), contrast.shape[1]):
        read = contrast[:, order]
        agreement = min(_agreement(read[:of_rows], signs[:of_rows]), _agreement(read[of_rows:], signs[of_rows:]))
        of_clear = read.where(read.abs() > CLEAR, 0)
        clear = _agreement(of_clear, signs) if of_clear.any() else 1.0
        agreements.append((agreement, clear, tuple(order.tolist())))
    agreements.sort(reverse=True)
    best, clear, positions = agreements[0]
    next_best = agreements[1][0] if len(agreements) > 1 else 0.0
    return (best, positions) if best >= max(AGREEMENT, next_best + MARGIN) and clear >= CLEARLY else None


def _agreement(contrast: Tensor, signs: Tensor) -> float:
    """Return in what share, by weight, the contrast has the signs: 1 for all, -1 for none, 0 where nothing counts."""
    weight = float(contrast.abs().sum())
    return float((contrast * signs).sum()) / weight if weight else 0.0


def _orders(grid: Sides, length: int) -> Iterator[Tensor]:
    """Yield the usual positions of the cells among `length`, those without a cell in front, or behind.

    Row by row, column by column, block by block (NesT, windows), place in the block by place in the block (Hiera, whose
    blocks are blocks of blocks, and the grids of MaxViT).
    """
    cells = torch.arange(math.prod(grid)).view(grid)
    orders = [cells.flatten(), cells.T.flatten()]
    for side in range(2, min(grid)):
        if grid[0] % side == grid[1] % side == 0:
            orders.append(_blocks(cells, side).transpose(-2, -3).flatten())
            orders.append(_blocks(cells, side).permute(1, 3, 0, 2).flatten())
    nested = cells
    while nested.shape[-1] % 2 == nested.shape[-2] % 2 == 0:
        nested = _blocks(nested, 2).movedim((-3, -1), (-4, -3)).flatten(0, -3)
        orders.append(nested.flatten())
    for start in sorted({0, length - math.prod(grid)}):
        for order in dict.fromkeys(tuple(order.tolist()) for order in orders):
            yield start + torch.tensor(order).argsort()


def _blocks(cells: Tensor, side: int) -> Tensor:
    """Return cells (…, rows, columns) as (…, block down, row in it, block across, column in it)."""
    return cells.unflatten(-1, (-1, side)).unflatten(-3, (-1, side))
