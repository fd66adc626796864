"""Whether a model treats the pictures of a batch independently, and which axis of its output is the batch axis."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from mirror_app.precision import relative_difference
from mirror_app.probe.outputs import is_list_of_dicts

Run = Callable[[Tensor], Any]


def is_batch_independent(run: Run, picture: Tensor) -> bool:
    """Tell whether a picture gets the same answer alone as in any batch, at any position.

    This detects batch norms without running statistics, means over the batch, and outputs whose first axis is not the
    batch.

    Args:
        run: Returns the model's output for pictures (N, C, H, W).
        picture: One picture (1, C, H, W) that the model accepts.
    """
    strong, weak = _noise_like(picture, 2), _noise_like(picture, 0.25)
    try:
        # The weak noise is first in one pair and second in another. A model that sorts its pictures answers both pairs
        # alike, so it is detected.
        pair_outputs = [run(torch.cat(pair)) for pair in ([weak, picture], [picture, strong], [picture, weak])]
    except Exception:  # the model's own code may reject a batch of two with any exception
        return False
    if is_list_of_dicts(pair_outputs[0]):
        return len(pair_outputs[0]) == 2
    single, as_second, *as_first = (_tensors(output) for output in (run(picture), *pair_outputs))
    if any(len(tensors) != len(single) for tensors in (as_second, *as_first)):
        return False
    return all(
        _is_same_answer(*tensors)
        for candidate in as_first
        for tensors in zip(candidate, as_second, single, strict=True)
    )


def batch_axes(output: Any, run: Run, picture: Tensor) -> tuple[int | None, ...]:
    """Return the batch axis of each tensor in `output`; () if it is the first axis of every tensor.

    `output` is the model's output for `picture` (1, C, H, W). The batch axis is the one that grows for a batch of two.
    It is None if no axis grows or if the model rejects a batch of two: then the output for one picture has no batch
    axis. A list of one dictionary has batch axes only if two pictures also give one dictionary, which then holds the
    whole batch.
    """
    tensors = _tensors(output)
    has_leading_batch = all(tensor.shape[:1] == (1,) for tensor in tensors)
    if has_leading_batch != is_list_of_dicts(output):
        return ()
    try:
        pair_output = run(torch.cat([picture, _noise_like(picture, 1)]))
    except Exception:  # the model's own code may reject a batch of two, as above
        pair_output = []
    pair_tensors = _tensors(pair_output)
    if is_list_of_dicts(output):
        is_shared_dict = len(pair_output) == len(output) == 1 and all(
            tensor.shape[:1] == (2,) for tensor in pair_tensors
        )
        return (0,) * len(tensors) if is_shared_dict else ()
    compared = pair_tensors if len(pair_tensors) == len(tensors) else tensors
    return tuple(
        _grown_axis(tensor.shape, compared_tensor.shape)
        for tensor, compared_tensor in zip(tensors, compared, strict=True)
    )


def batch_first(output: Any, axes: tuple[int | None, ...]) -> Any:
    """Return `output`, which is for one picture, with the batch axis of each tensor in front.

    If a list holds one dictionary for the whole batch, that dictionary is returned.
    """
    if is_list_of_dicts(output) and axes:
        (output,) = output
    leaves, tree_spec = tree_flatten(output)
    if len(axes) != sum(isinstance(leaf, Tensor) for leaf in leaves):
        return output
    remaining_axes = iter(axes)
    return tree_unflatten(
        [_with_batch_first(leaf, next(remaining_axes)) if isinstance(leaf, Tensor) else leaf for leaf in leaves],
        tree_spec,
    )


def _with_batch_first(leaf: Tensor, axis: int | None) -> Tensor:
    return leaf[None] if axis is None else leaf.movedim(axis, 0)


def _grown_axis(single_shape: Sequence[int], pair_shape: Sequence[int]) -> int | None:
    if len(single_shape) != len(pair_shape):
        return None
    grown_axes = [
        axis
        for axis, (single_size, pair_size) in enumerate(zip(single_shape, pair_shape, strict=True))
        if single_size != pair_size
    ]
    return grown_axes[0] if len(grown_axes) == 1 and single_shape[grown_axes[0]] == 1 else None


def _is_same_answer(as_first: Tensor, as_second: Tensor, single: Tensor) -> bool:
    """Tell whether `single` is the first item of the pair `as_first` and the second of the pair `as_second`."""
    if as_first.shape[:1] != (2,) or as_first.shape != as_second.shape or as_first[0].numel() != single.numel():
        return False
    if not single.is_floating_point():
        return torch.equal(as_first[0].flatten(), single.flatten())
    # Equal batch sizes use the same kernels. A single picture may use another order of summation.
    eps = torch.finfo(single.dtype).eps
    first_values, second_values, single_values = (values.flatten() for values in (as_first[0], as_second[1], single))
    is_same_in_pairs = relative_difference(first_values, second_values) <= 64 * eps
    return is_same_in_pairs and relative_difference(first_values, single_values) <= eps**0.5


def _tensors(output: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor)]


def _noise_like(picture: Tensor, contrast: float) -> Tensor:
    """Return noise around the mid-range of `picture`, with `contrast` times its range."""
    low, high = picture.min(), picture.max()
    noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(int(8 * contrast))).to(picture)
    return (low + high) / 2 + contrast * (noise - 0.5) * torch.where(high > low, high - low, 1)
