"""Whether a model answers each picture of a batch on its own, and which axis of its output counts the pictures."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from mirror_app.precision import relative_difference
from mirror_app.probe.outputs import is_list_of_dicts

Run = Callable[[Tensor], Any]


def is_batch_independent(run: Run, picture: Tensor) -> bool:
    """Tell whether a picture gets the same answer in any batch, at any place in it, as alone.

    `run` gives the model's output for pictures (N, C, H, W), and `picture` (1, C, H, W) is one that it takes. Batch
    norms without statistics, means over the batch and outputs that do not begin with the batch are found out.
    """
    loud, quiet = _noise_like(picture, 2), _noise_like(picture, 0.25)
    try:
        # The quiet one on either side: a model that sorts its pictures gives both back in one order.
        pairs = [run(torch.cat(pair)) for pair in ([quiet, picture], [picture, loud], [picture, quiet])]
    except Exception:  # whatever the model's own code refuses a batch of two with
        return False
    if is_list_of_dicts(pairs[0]):
        return len(pairs[0]) == 2
    alone, behind, *ahead = (_leaves(output) for output in (run(picture), *pairs))
    if any(len(leaves) != len(alone) for leaves in (behind, *ahead)):
        return False
    return all(_is_same_item(*leaves) for first in ahead for leaves in zip(first, behind, alone, strict=True))


def batch_axes(output: Any, run: Run, picture: Tensor) -> tuple[int | None, ...]:
    """Return which axis of each tensor in `output` counts the pictures; nothing where that is the first of each.

    `output` is the model's for `picture` (1, C, H, W). The axis is the one that grows in a batch of two; None, where
    none does or where the model takes no two: then the answer for one picture comes without such an axis. A list of one
    dictionary has axes only where two pictures give one dictionary as well: it is not one for each.
    """
    leaves = _leaves(output)
    is_first = all(leaf.shape[:1] == (1,) for leaf in leaves)
    if is_first != is_list_of_dicts(output):
        return ()
    try:
        two = run(torch.cat([picture, _noise_like(picture, 1)]))
    except Exception:  # as above
        two = []
    grown = _leaves(two)
    if is_list_of_dicts(output):
        is_whole = len(two) == len(output) == 1 and all(leaf.shape[:1] == (2,) for leaf in grown)
        return (0,) * len(leaves) if is_whole else ()
    others = grown if len(grown) == len(leaves) else leaves
    return tuple(_grown_axis(leaf.shape, other.shape) for leaf, other in zip(leaves, others, strict=True))


def batch_first(output: Any, axes: tuple[int | None, ...]) -> Any:
    """Return `output`, for one picture, with the axis that counts the pictures in front of each tensor.

    A list around the one dictionary of a whole batch is taken off.
    """
    if is_list_of_dicts(output) and axes:
        (output,) = output
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


def _is_same_item(ahead: Tensor, behind: Tensor, alone: Tensor) -> bool:
    """Tell whether `alone` is the first of the two in `ahead`, and the second of those in `behind`."""
    if ahead.shape[:1] != (2,) or ahead.shape != behind.shape or ahead[0].numel() != alone.numel():
        return False
    if not alone.is_floating_point():
        return torch.equal(ahead[0].flatten(), alone.flatten())
    # In batches of one size all is computed alike; alone, another order of the sums may be quicker.
    rounding = torch.finfo(alone.dtype).eps
    first, second, single = (values.flatten() for values in (ahead[0], behind[1], alone))
    is_same = relative_difference(first, second) <= 64 * rounding
    return is_same and relative_difference(first, single) <= rounding**0.5


def _leaves(output: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor)]


def _noise_like(picture: Tensor, contrast: float) -> Tensor:
    """Return noise around the middle of the range of `picture`, of so many times its contrast."""
    low, high = picture.min(), picture.max()
    noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(int(8 * contrast))).to(picture)
    return (low + high) / 2 + contrast * (noise - 0.5) * torch.where(high > low, high - low, 1)
