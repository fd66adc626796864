"""What a picture is changed for: an objective gives one number a picture, and objectives add and multiply.

    channel("features.8", 40) + 2 * channel("features.5", 7) - 0.01 * total_variation()

Olah et al. 2017, “Feature Visualization”, https://distill.pub/2017/feature-visualization.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import require_tensor


@dataclass(frozen=True)
class ForwardPass:
    """What an objective may look at: the pixels (N, C, H, W) in [0, 1], and the layers' outputs for them, by name.

    `columns` returns a layer's output with its channels first, as `probe.channels_first`; by default it has them there.
    """

    pixels: Tensor
    outputs: Mapping[str, Any]
    columns: Callable[[str, Tensor], Tensor] = lambda _layer, output: output


@dataclass(frozen=True)
class Objective:
    """A number (N,) for each picture of a batch, and the `layers` whose outputs it is read off.

    Objectives add, subtract and multiply with one another and with numbers.
    """

    value: Callable[[ForwardPass], Tensor]
    layers: frozenset[str] = frozenset()

    def __call__(self, forward: ForwardPass) -> Tensor:
        return self.value(forward)

    def __add__(self, other: "Objective | float") -> "Objective":
        other = _objective(other)
        return Objective(lambda forward: self(forward) + other(forward), self.layers | other.layers)

    def __mul__(self, other: "Objective | float") -> "Objective":
        other = _objective(other)
        return Objective(lambda forward: self(forward) * other(forward), self.layers | other.layers)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> "Objective":
        return self * -1

    def __sub__(self, other: "Objective | float") -> "Objective":
        return self + -_objective(other)


def channel(layer: str, number: int) -> Objective:
    """The mean of one feature map, of one feature over all tokens, or one entry of a vector; raises MirrorError."""
    return _of(layer, lambda output: _map(output, layer, number).reshape(len(output), -1).mean(1), by_channel=True)


def neuron(layer: str, number: int) -> Objective:
    """The middle place of one feature map: what a single unit looks for; raises MirrorError."""
    return _of(layer, lambda output: _middle(_map(output, layer, number)), by_channel=True)


def energy(layer: str) -> Objective:
    """The mean square of all that the layer says: whatever it finds, more of it (Mordvintsev et al. 2015)."""
    return _of(layer, lambda output: output.flatten(1).pow(2).mean(1))


def score(layer: str, read: Callable[[Any], Tensor]) -> Objective:
    """The number (N,) that `read` finds in what the layer gives, such as a class's logit in that of the model."""
    return Objective(lambda forward: read(forward.outputs[layer]), frozenset({layer}))


def distance(layer: str, wanted: Tensor) -> Objective:
    """How far the layer's output is from `wanted`: |a - w|² / |w|² (Mahendran and Vedaldi 2015); 0 is reached."""
    norm = wanted.flatten(1).pow(2).sum(1)
    norm = torch.where(norm > 0, norm, 1)
    return _of(layer, lambda output: (output - wanted).flatten(1).pow(2).sum(1) / norm)


def _of(layer: str, value: Callable[[Tensor], Tensor], by_channel: bool = False) -> Objective:
    """Return the objective `value` of what the layer gives, with its channels first where it is read `by_channel`."""

    def read(forward: ForwardPass) -> Tensor:
        output = widened(require_tensor(forward.outputs[layer], layer))
        return value(forward.columns(layer, output) if by_channel else output)

    return Objective(read, frozenset({layer}))


def _objective(other: Objective | float) -> Objective:
    return other if isinstance(other, Objective) else Objective(lambda forward: forward.pixels.new_tensor(other))


def _map(maps: Tensor, layer: str, number: int) -> Tensor:
    """Return one feature of `maps` (N, C, …) at all its places: (N, …)."""
    if not 0 <= number < maps.shape[1]:
        raise MirrorError(f"channel cannot be {number}: the layer '{layer}' has channels 0 to {maps.shape[1] - 1}.")
    return maps[:, number]


def _middle(places: Tensor) -> Tensor:
    """Return the middle one of the places (N, …)."""
    middle: tuple[int | slice, ...] = (slice(None), *(side // 2 for side in places.shape[1:]))
    return places[middle]
