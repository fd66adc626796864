"""Reads the numbers of a target from the output of its layer: one for each channel."""

from typing import Any

from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import Layout, View, channels_first, layout
from mirror_app.probe.outputs import format_shape, output_entries, single_tensor
from mirror_app.targets import Target
from mirror_app.visualisations.core.target_errors import (
    ambiguous_output_error,
    missing_position_error,
    missing_target_error,
)


def entry_of(target: Target, output: Any) -> Tensor:
    """Return the tensor that the target's entries lead to in `output`."""
    for key in target.entries:
        parts = output_entries(output)
        if key not in parts:
            available = f"the entries are {', '.join(parts)}" if parts else "the output is a single tensor"
            problem = f"The target '{target}' has no entry '{key}': {available}."
            raise MirrorError(problem, culprit=key, accepted=tuple(parts))
        output = parts[key]
    values = output if isinstance(output, Tensor) else single_tensor(output)
    if values is None:
        raise ambiguous_output_error(output)
    if values.is_complex():
        raise MirrorError(
            "The model returns complex numbers; a target must be a real number.",
            culprit="complex numbers",
            accepted="a real number",
        )
    if not values.is_floating_point():
        raise MirrorError(
            f"The model's output at the target '{target}' is an integer, which has no gradient",
            culprit=str(target),
            hint="choose another target",
        )
    return widened(values)


def channel_numbers(
    view: View, picture: Tensor, target: Target, layer: str, values: Tensor, region: Tensor | None
) -> Tensor:
    """Return `values` as (N, K): each channel is summed over its locations, averaged over some, or read at one.

    Args:
        view: The private view of the model.
        picture: The first picture, (1, C, H, W).
        target: Says which locations count.
        layer: The layer whose output holds `values`.
        values: The tensor of the target, (N, …).
        region: The locations (h, w) where the target is predicted, if it is averaged over them.
    """
    columns = _channels_first(view, picture, layer, values)
    if target.channel is None and columns.ndim > 2:
        raise MirrorError(
            f"The model returns {format_shape(values.shape[1:])} instead of one logit per class",
            culprit=format_shape(values.shape[1:]),
            accepted="one logit per class",
            hint=f"choose a target such as ':{columns.shape[1] - 1}@{','.join('0' * (columns.ndim - 2))}'",
        )
    if region is not None:
        return _maps(view, picture, target, layer, values)[:, :, region].mean(2)
    if target.rectangle:
        (top, bottom), (left, right) = target.rectangle
        maps = _maps(view, picture, target, layer, values)
        if bottom >= maps.shape[2] or right >= maps.shape[3]:
            raise missing_position_error(target, tuple(maps.shape[2:]))
        return maps[:, :, top : bottom + 1, left : right + 1].mean((2, 3))
    position = _position(view, picture, target, layer, values, tuple(columns.shape[2:]))
    if position:
        index: tuple[int | slice, ...] = (slice(None), slice(None), *position)
        return columns[index]
    if not layer:
        _require_maps(target, columns)
    return columns.flatten(2).sum(2) if columns.ndim > 2 else columns


def predicted_region(view: View, inputs: Tensor, target: Target, layer: str, values: Tensor) -> Tensor:
    """Return the locations (h, w) at which the target's channel is larger than all others, for a single picture."""
    if len(inputs) > 1:
        raise MirrorError(
            f"The target '{target}' depends on the picture, and there are {len(inputs)} pictures",
            culprit=str(target),
            accepted="one picture",
            hint="give one picture at a time",
        )
    maps = _maps(view, inputs, target, layer, values)
    assert target.channel is not None
    region = maps[0].argmax(0) == target.channel
    if not region.any():
        raise missing_target_error(target, f"channel {target.channel} is predicted nowhere in this picture")
    return region


def _channels_first(view: View, picture: Tensor, layer: str, values: Tensor) -> Tensor:
    if values.ndim == 1:
        return values[:, None]
    inputs = picture.expand(len(values), -1, -1, -1)
    return channels_first(view, inputs, layer, values) if layer else values


def _maps(view: View, picture: Tensor, target: Target, layer: str, values: Tensor) -> Tensor:
    """Return `values` as maps (N, K, h, w); tokens on a grid count as maps."""
    columns = _channels_first(view, picture, layer, values)
    if layer and columns.ndim == 3:
        columns = layout(view, picture.expand(len(values), -1, -1, -1), layer, values).maps(values)
    if columns.ndim != 4:
        raise missing_position_error(target, tuple(columns.shape[2:]))
    return columns


def _require_maps(target: Target, columns: Tensor) -> None:
    """Raise MirrorError unless `columns` (N, K, …) are maps: a sum over anything else has no meaning."""
    sides = columns.shape[2:]
    if sum(side != 1 for side in sides) in (0, 2):
        return
    channel = target.channel or 0
    position = [*[0] * (len(sides) - 1), channel if channel < sides[-1] else 0]
    example = Target("", target.entries, 0, tuple(position))
    subject = f"'{':'.join(target.entries)}'" if target.entries else "The model"
    raise MirrorError(
        f"{subject} returns {format_shape(columns.shape[1:])} numbers per picture, and '{target}' does not "
        "identify one of them",
        culprit=str(target),
        hint=f"add its position, as in the target '{example}'",
    )


def _position(
    view: View, picture: Tensor, target: Target, layer: str, values: Tensor, sides: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the target's position in the axes after the channels, whose lengths are `sides`.

    For tokens on a grid, the position is the index of the token at the target's row and column.
    """
    position = target.position
    if layer and len(sides) == 1 and len(position) == 2:
        tokens: Layout = layout(view, picture.expand(len(values), -1, -1, -1), layer, values)
        assert tokens.positions is not None
        height, width = tokens.grid
        if position[0] < height and position[1] < width:
            return (tokens.positions[position[0] * width + position[1]],)
        sides = (height, width)
    if position and (len(position) != len(sides) or any(n >= side for n, side in zip(position, sides, strict=True))):
        raise missing_position_error(target, sides)
    return position
