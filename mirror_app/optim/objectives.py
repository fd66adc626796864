"""What a picture is changed for: an objective gives one number a picture, and objectives add and multiply.

    channel("features.8", 40) + 2 * channel("features.5", 7) - 0.01 * total_variation()

Olah et al. 2017, «Feature Visualization», https://distill.pub/2017/feature-visualization.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mirror_app.errors import MirrorError


@dataclass(frozen=True)
class Seen:
    """What an objective may look at: the pixels (N, C, H, W) in [0, 1], and the layers' outputs for them, by name."""

    pixels: Tensor
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class Objective:
    """A number (N,) for each picture of a batch, and the `layers` whose outputs it is read off.

    Objectives add, subtract and multiply with one another and with numbers.
    """

    value: Callable[[Seen], Tensor]
    layers: frozenset[str] = frozenset()

    def __call__(self, seen: Seen) -> Tensor:
        return self.value(seen)

    def __add__(self, other: "Objective | float") -> "Objective":
        other = _objective(other)
        return Objective(lambda seen: self(seen) + other(seen), self.layers | other.layers)

    def __mul__(self, other: "Objective | float") -> "Objective":
        other = _objective(other)
        return Objective(lambda seen: self(seen) * other(seen), self.layers | other.layers)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> "Objective":
        return self * -1

    def __sub__(self, other: "Objective | float") -> "Objective":
        return self + -_objective(other)


def channel(layer: str, number: int) -> Objective:
    """The mean of one feature map, of one feature over all tokens, or one entry of a vector; raises MirrorError."""
    return _of(layer, lambda output: _map(output, layer, number).mean(1))


def unit(layer: str, number: int) -> Objective:
    """The middle place of one feature map: what a single unit looks for; raises MirrorError."""
    return _of(layer, lambda output: _middle(output, layer, number))


def energy(layer: str) -> Objective:
    """The mean square of all that the layer says: whatever it finds, more of it (Mordvintsev et al. 2015)."""
    return _of(layer, lambda output: output.flatten(1).pow(2).mean(1))


def logit(classes: Tensor) -> Objective:
    """The logit of each picture's class (N,) before the softmax, as Simonyan et al. 2014 ask for."""
    return _of("", lambda output: output.gather(1, classes[:, None])[:, 0])


def distance(layer: str, wanted: Tensor) -> Objective:
    """How far the layer's output is from `wanted`: |a - w|² / |w|² (Mahendran and Vedaldi 2015); 0 is reached."""
    norm = wanted.flatten(1).pow(2).sum(1)
    norm = torch.where(norm > 0, norm, 1)
    return _of(layer, lambda output: (output - wanted).flatten(1).pow(2).sum(1) / norm)


def _of(layer: str, value: Callable[[Tensor], Tensor]) -> Objective:
    return Objective(lambda seen: value(seen.outputs[layer]), frozenset({layer}))


def _objective(other: Objective | float) -> Objective:
    return other if isinstance(other, Objective) else Objective(lambda seen: seen.pixels.new_tensor(other))


def _map(output: Tensor, layer: str, number: int) -> Tensor:
    """Return one feature at all its places: (N, places)."""
    maps = output.movedim(-1, 1) if output.ndim == 3 else output  # of tokens, the features stand last
    if not 0 <= number < maps.shape[1]:
        raise MirrorError(f"channel cannot be {number}: the layer '{layer}' has channels 0 to {maps.shape[1] - 1}.")
    return maps[:, number].reshape(len(maps), -1)


def _middle(output: Tensor, layer: str, number: int) -> Tensor:
    height, width = output.shape[2:] if output.ndim == 4 else (1, output.shape[1] if output.ndim == 3 else 1)
    return _map(output, layer, number)[:, height // 2 * width + width // 2]
