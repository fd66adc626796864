"""Whether a model answers each picture of a batch on its own, and which axis of its output counts the pictures."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from mirror_app.probe.outputs import of_items

Run = Callable[[Tensor], Any]
_REFUSALS = (RuntimeError, ValueError, AssertionError, IndexError, TypeError)  # of a batch of two, by a model's code


def is_independent(run: Run, picture: Tensor) -> bool:
    """Tell whether two pictures in one batch get the answers that each of them gets alone.

    `run` gives the model's output for pictures (N, C, H, W), and `picture` (1, C, H, W) is one that it takes. Batch
    norms without statistics, means over the batch and outputs that do not begin with the batch are found out.
    """
    other = _unlike(picture)
    try:
        together = run(torch.cat([picture, other]))
    except _REFUSALS:
        return False
    if of_items(together):
        return len(together) == 2
    leaves = _leaves(together)
    return all(
        len(alone) == len(leaves) and all(_is_item(one, leaf, item) for one, leaf in zip(alone, leaves, strict=True))
        for item, alone in enumerate((_leaves(run(picture)), _leaves(run(other))))
    )


def item_axes(output: Any, run: Run, picture: Tensor) -> tuple[int | None, ...]:
    """Return which axis of each tensor in `output` counts the pictures; nothing where that is the first of each.

    `output` is the model's for `picture` (1, C, H, W). The axis is the one that grows in a batch of two; None, where
    none does or where the model takes no two: then the answer for one picture comes without such an axis.
    """
    leaves = _leaves(output)
    if of_items(output) or all(leaf.shape[:1] == (1,) for leaf in leaves):
        return ()
    try:
        grown = _leaves(run(torch.cat([picture, _unlike(picture)])))
    except _REFUSALS:
        grown = []
    others = grown if len(grown) == len(leaves) else leaves
    return tuple(_grown_axis(leaf.shape, other.shape) for leaf, other in zip(leaves, others, strict=True))


def items_first(output: Any, axes: tuple[int | None, ...]) -> Any:
    """Return `output`, for one picture, with the axis that counts the pictures in front of each tensor."""
    leaves, shape = tree_flatten(output)
    if len(axes) != sum(isinstance(leaf, Tensor) for leaf in leaves):
        return output
    left = iter(axes)
    return tree_unflatten(
        [_item_first(leaf, next(left)) if isinstance(leaf, Tensor) else leaf for leaf in leaves], shape
    )


def _item_first(leaf: Tensor, axis: int | None) -> Tensor:
    return leaf[None] if axis is None else leaf.movedim(axis, 0)


def _grown_axis(one: Sequence[int], two: Sequence[int]) -> int | None:
    if len(one) != len(two):
        return None
    changed = [axis for axis, (small, large) in enumerate(zip(one, two, strict=True)) if small != large]
    return changed[0] if len(changed) == 1 and one[changed[0]] == 1 else None


def _is_item(alone: Tensor, together: Tensor, item: int) -> bool:
    if together.shape[:1] != (2,) or together[item].numel() != alone.numel():
        return False
    mine, own = together[item].flatten(), alone.flatten()
    if not mine.is_floating_point():
        return torch.equal(mine, own)
    near = torch.finfo(mine.dtype).eps ** 0.5 * float(own.abs().max()) if own.numel() else 0.0
    return bool((mine - own).abs().le(near).all())


def _leaves(output: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor)]


def _unlike(picture: Tensor) -> Tensor:
    """Return noise in the range of `picture`."""
    low, high = picture.min(), picture.max()
    noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(0)).to(picture)
    return low + noise * torch.where(high > low, high - low, 1)
