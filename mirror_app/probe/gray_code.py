"""Find which position of a layer's output belongs to which grid cell of the picture, by measurement.

This is structured light, as 3D scanners use it. The rows and columns of a grid over the picture are numbered in Gray
code. For each binary digit, one picture changes the cells whose digit is 1, and another changes those whose digit is 0.
A position responds more to the picture that changes its own cell, so its responses to all digits name that cell. A grid
of n cells needs only 1 + 2 log2 n pictures.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

Size = tuple[int, int]
Axes = tuple[int, ...]
OutputFunction = Callable[[Tensor], Tensor]
MICRO_BATCH = 8
CLEAR_CONTRAST = 0.5  # digits with more contrast are rarely wrong
MIN_AGREEMENT = 0.35  # the least agreement of an order with the digits: 1 is perfect, a wrong order has about 0
MIN_MARGIN = 0.2  # how far the best order must be ahead of the next one
MIN_CLEAR_AGREEMENT = 0.85  # the least agreement with the digits whose contrast is above CLEAR_CONTRAST
MIN_CELLS = 9  # smaller grids may match by chance, so they must still match after the last noise picture
SEEDS = (0, 1, 2)


class GridDecoder:
    """Decodes where the grid cells of the picture are in an output.

    Args:
        output_of: Maps pictures (B, C, H, W) to an output whose first axis is B.
        inputs: Pictures (N, C, H, W); the patterns have their shape, brightness and contrast.
    """

    def __init__(self, output_of: OutputFunction, inputs: Tensor) -> None:
        self.output_of, self.inputs = output_of, inputs
        self._summed_energies: dict[tuple[Size, float, Axes], Tensor | float] = {}

    def decode(self, candidates: Sequence[tuple[Size, Axes]]) -> tuple[Size, dict[Axes, tuple[int, ...]]] | None:
        """Return the first grid that can be decoded and, for each choice of axes, its cells' positions, row by row.

        If no grid can be decoded from the first noise picture, the responses to other noise pictures are added. Returns
        None if that does not help either.
        """
        for seed in SEEDS:
            for grid in dict.fromkeys(grid for grid, _ in candidates):
                grid_axes = [axes for candidate_grid, axes in candidates if candidate_grid == grid]
                is_reliable = math.prod(grid) >= MIN_CELLS or seed == SEEDS[-1]
                if (positions := self._decode(grid, grid_axes, seed)) and is_reliable:
                    return grid, positions
        return None

    def _decode(self, grid: Size, candidate_axes: Sequence[Axes], seed: int) -> dict[Axes, tuple[int, ...]]:
        code = digits_of(grid)
        by_order: dict[Axes, tuple[float, tuple[int, ...]]] = {}
        # A strided convolution may be centred on the corner of a cell or on its middle, so both are tried.
        for shift in (0.0, 0.5):
            outputs = _outputs(self.output_of, _pictures(self.inputs, code, shift, seed))
            decoded: dict[Axes, tuple[int, ...]] = {}
            for axes in candidate_axes:
                energy = self._summed_energies.get((grid, shift, axes), 0.0) + _energy(outputs, axes)
                self._summed_energies[grid, shift, axes] = energy
                contrast = contrast_of(energy, code)
                if positions := _decode_cells(contrast, grid):
                    decoded[axes] = positions
                elif order := best_order(contrast, code):
                    by_order[axes] = max(by_order.get(axes, order), order)
            if decoded:
                return decoded
        return {axes: positions for axes, (_, positions) in by_order.items()}


def digits_of(grid: Size) -> Tensor:
    """Return the Gray digits (D, rows, columns) of the cells: the digits of the row, then those of the column."""
    rows, columns = (_gray_digits(side) for side in grid)
    return torch.cat([rows[:, :, None].expand(-1, -1, grid[1]), columns[:, None].expand(-1, grid[0], -1)])


def _gray_digits(count: int) -> Tensor:
    numbers = torch.arange(count)
    digits = torch.arange((count - 1).bit_length())
    return ((numbers ^ numbers >> 1)[None] >> digits[:, None] & 1).bool()


def _pictures(inputs: Tensor, code: Tensor, shift: float, seed: int) -> Tensor:
    """Return the patterns (1 + 2 D, C, H, W): noise, then D with the 1 cells changed, then D with the 0 cells changed.

    The grid is shifted up and left by the fraction `shift` of a cell. The noise has the mean and standard deviation of
    the inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(2, *inputs.shape[1:], generator=generator, dtype=torch.float64)
    std = float(inputs.double().std()) or 1.0
    base, changed_noise = (float(inputs.double().mean()) + std * noise).to(inputs)[:, None]
    rows, columns = (
        ((torch.arange(length) / length * count + shift).long()).clamp(max=count - 1)
        for length, count in zip(inputs.shape[2:], code.shape[1:], strict=True)
    )
    is_changed = code[:, rows][:, :, columns][:, None].to(inputs.device)
    return torch.cat([base, torch.where(is_changed, changed_noise, base), torch.where(is_changed, base, changed_noise)])


def _outputs(output_of: OutputFunction, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([output_of(batch) for batch in pictures.split(MICRO_BATCH)])


def _energy(outputs: Tensor, axes: Axes) -> Tensor:
    """Return the response of each position to each pattern, (2 D, positions): squared changes, summed over channels.

    Changes common to all positions, for example by global attention, are subtracted.
    """
    change = (outputs[1:] - outputs[:1]).double().movedim(axes, tuple(range(1, 1 + len(axes))))
    change = change.flatten(1, len(axes)).unsqueeze(-1).flatten(2)
    return (change - change.mean(1, keepdim=True)).pow(2).sum(2).cpu()


def contrast_of(energy: Tensor, code: Tensor) -> Tensor:
    """Return how much more each position responds to the patterns of 1 than to those of 0: (D, positions), in [-1, 1].

    Each energy is divided by the share of the picture that was changed, because responses grow with that share.
    """
    changed_share = code.flatten(1).double().mean(1, keepdim=True)
    ones, zeros = energy[: len(code)] / changed_share, energy[len(code) :] / (1 - changed_share)
    return (ones - zeros) / (ones + zeros).clamp(min=torch.finfo(torch.float64).tiny)


def _decode_cells(contrast: Tensor, grid: Size) -> tuple[int, ...] | None:
    """Return the position of each cell if every cell is decoded exactly once, otherwise None.

    The positions outside the grid must be consecutive.
    """
    if contrast.isnan().any() or (contrast == 0).all(0).all():
        return None
    cells = cells_of(contrast, grid)
    count, n_extra = math.prod(grid), len(cells) - math.prod(grid)
    strength = contrast.abs().sum(0)
    candidates: list[tuple[float, tuple[int, ...]]] = []
    for start in range(count + 1 if n_extra else 1):
        indices = torch.cat([torch.arange(start), torch.arange(start + n_extra, len(cells))])
        if torch.equal(cells[indices].sort().values, torch.arange(count)):
            candidates.append((float(strength[indices].sum()), tuple(indices[cells[indices].argsort()].tolist())))
    return max(candidates)[1] if candidates else None


def cells_of(contrast: Tensor, grid: Size) -> Tensor:
    """Return, for each position of `contrast` (D, P), the number (P,) of the cell it responds to, or -1 if none."""
    rows, columns = (contrast > 0).split([(side - 1).bit_length() for side in grid])
    row, column = _from_gray(rows), _from_gray(columns)
    return torch.where((row < grid[0]) & (column < grid[1]), row * grid[1] + column, -1)


def _from_gray(digits: Tensor) -> Tensor:
    """Return the numbers (P,) with the Gray digits (D, P), lowest digit first."""
    number = torch.zeros(digits.shape[1], dtype=torch.long)
    for index in range(len(digits)):
        number += (digits[index:].sum(0) % 2) << index
    return number


def best_order(contrast: Tensor, code: Tensor) -> tuple[float, tuple[int, ...]] | None:
    """Of the `_orders`, return the agreement of the best with the contrast and its positions, if it stands out.

    If the positions of a layer see far beyond their own cells, some digits are wrong, yet one order still agrees much
    better than the others. Rows and columns must each agree, and the clear digits must agree almost entirely. Returns
    None if no order stands out.
    """
    if contrast.isnan().any():
        return None
    signs = code.flatten(1).double() * 2 - 1
    n_row_digits = (code.shape[1] - 1).bit_length()
    agreements = []
    for order in _orders((code.shape[1], code.shape[2]), contrast.shape[1]):
        ordered = contrast[:, order]
        of_rows = agreement(ordered[:n_row_digits], signs[:n_row_digits])
        of_columns = agreement(ordered[n_row_digits:], signs[n_row_digits:])
        clear_contrast = ordered.where(ordered.abs() > CLEAR_CONTRAST, 0)
        clear_agreement = agreement(clear_contrast, signs) if clear_contrast.any() else 1.0
        agreements.append((min(of_rows, of_columns), clear_agreement, tuple(order.tolist())))
    agreements.sort(reverse=True)
    best, clear_agreement, positions = agreements[0]
    next_best = agreements[1][0] if len(agreements) > 1 else 0.0
    is_clear = best >= max(MIN_AGREEMENT, next_best + MIN_MARGIN) and clear_agreement >= MIN_CLEAR_AGREEMENT
    return (best, positions) if is_clear else None


def agreement(contrast: Tensor, signs: Tensor) -> float:
    """Return the weighted agreement of contrast and signs: 1 for all, -1 for none, 0 if there is no contrast."""
    weight = float(contrast.abs().sum())
    return float((contrast * signs).sum()) / weight if weight else 0.0


def _orders(grid: Size, length: int) -> Iterator[Tensor]:
    """Yield the common orders of the cells among `length` positions, with the extra positions before or behind them.

    Cells may follow each other row by row, column by column, block by block (NesT, windows), or in nested blocks
    (Hiera). In MaxViT's grids, the cells at the first position of every block come first, then those at the second.
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
    """Return cells (…, rows, columns) as (…, block row, row in block, block column, column in block)."""
    return cells.unflatten(-1, (-1, side)).unflatten(-3, (-1, side))
