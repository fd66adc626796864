"""Objectives: one number per picture, which an ascent raises. Objectives can be added and multiplied.

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
    """The pictures and the layers' outputs from which an objective is computed.

    Attributes:
        pixels: The pictures (N, C, H, W) in [0, 1].
        outputs: The outputs of the layers, by name.
        columns: A function that returns a layer's output with the channels in axis 1, as `probe.channels_first` does.
            The default is for outputs that have the channels there already.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, objectives
        >>> forward = ForwardPass(torch.zeros(1, 3, 8, 8), {"features.8": torch.ones(1, 4, 2, 2)})
        >>> objectives.channel("features.8", 3)(forward)
        tensor([1.])
    """

    pixels: Tensor
    outputs: Mapping[str, Any]
    columns: Callable[[str, Tensor], Tensor] = lambda _layer, output: output


@dataclass(frozen=True)
class Objective:
    """One number per picture, computed from the pixels and from the outputs of layers.

    Objectives can be added, subtracted and multiplied, with one another and with numbers.

    Args:
        value: The function from a `ForwardPass` to the numbers (N,).
        layers: The names of the layers whose outputs `value` reads.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, Objective
        >>> brightness = Objective(lambda forward: forward.pixels.mean((1, 2, 3)))
        >>> contrast = Objective(lambda forward: forward.pixels.std((1, 2, 3)))
        >>> (2 * brightness - contrast + 1)(ForwardPass(torch.full((2, 3, 4, 4), 0.25), {}))
        tensor([1.5000, 1.5000])
    """

    value: Callable[[ForwardPass], Tensor]
    layers: frozenset[str] = frozenset()

    def __call__(self, forward: ForwardPass) -> Tensor:
        return self.value(forward)

    def __add__(self, other: "Objective | float") -> "Objective":
        other = _as_objective(other)
        return Objective(lambda forward: self(forward) + other(forward), self.layers | other.layers)

    def __mul__(self, other: "Objective | float") -> "Objective":
        other = _as_objective(other)
        return Objective(lambda forward: self(forward) * other(forward), self.layers | other.layers)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> "Objective":
        return self * -1

    def __sub__(self, other: "Objective | float") -> "Objective":
        return self + -_as_objective(other)


def channel(layer: str, number: int) -> Objective:
    """Return the mean activation of one channel.

    J = meanᵢⱼ A[number, i, j] for the feature maps A of the layer. For a transformer, J is the mean of one feature over
    all tokens. For a vector (N, C), J is one of its entries.

    Args:
        layer: The dotted name of the layer.
        number: The index of the channel, from 0.

    Returns:
        The objective. Computing it raises MirrorError if the layer has no such channel.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, objectives
        >>> maps = torch.arange(12.0).view(1, 3, 2, 2)
        >>> objectives.channel("layer", 1)(ForwardPass(torch.zeros(1, 3, 8, 8), {"layer": maps}))
        tensor([5.5000])

    References:
        Erhan et al. 2009, “Visualizing Higher-Layer Features of a Deep Network”.
        Olah et al. 2017, “Feature Visualization”, https://distill.pub/2017/feature-visualization.
    """
    return _of_layer(
        layer, lambda output: _channel(output, layer, number).reshape(len(output), -1).mean(1), channels_first=True
    )


def neuron(layer: str, number: int) -> Objective:
    """Return the activation of the unit in the middle of one channel.

    J = A[number, h // 2, w // 2] for the feature maps A (C, h, w) of the layer. For a layer with T tokens, J is the
    value at token T // 2.

    Args:
        layer: The dotted name of the layer.
        number: The index of the channel, from 0.

    Returns:
        The objective. Computing it raises MirrorError if the layer has no such channel.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, objectives
        >>> maps = torch.arange(12.0).view(1, 3, 2, 2)
        >>> objectives.neuron("layer", 1)(ForwardPass(torch.zeros(1, 3, 8, 8), {"layer": maps}))
        tensor([7.])

    References:
        Olah et al. 2017, “Feature Visualization”, https://distill.pub/2017/feature-visualization.
    """
    return _of_layer(layer, lambda output: _middle(_channel(output, layer, number)), channels_first=True)


def energy(layer: str) -> Objective:
    """Return the mean square of the layer's output: the objective of Deep Dream.

    J = mean A² over all numbers A that the layer returns for a picture. Its gradient amplifies each activation in
    proportion to its size.

    Args:
        layer: The dotted name of the layer.

    Returns:
        The objective.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, objectives
        >>> maps = torch.tensor([[[[1.0, -3.0]]]])
        >>> objectives.energy("layer")(ForwardPass(torch.zeros(1, 3, 8, 8), {"layer": maps}))
        tensor([5.])

    References:
        Mordvintsev et al. 2015, “Inceptionism: Going Deeper into Neural Networks”,
        https://research.google/blog/inceptionism-going-deeper-into-neural-networks.
    """
    return _of_layer(layer, lambda output: output.flatten(1).pow(2).mean(1))


def score(layer: str, read: Callable[[Any], Tensor]) -> Objective:
    """Return the number that `read` computes from the output of a layer, such as the logit of a class.

    Args:
        layer: The dotted name of the layer; "" is the model.
        read: The function from the layer's output, whatever its type, to one number per picture (N,).

    Returns:
        The objective.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, objectives
        >>> logit = objectives.score("", lambda logits: logits[:, 2])
        >>> logit(ForwardPass(torch.zeros(1, 3, 8, 8), {"": torch.tensor([[0.0, 1.0, 4.0]])}))
        tensor([4.])

    References:
        Simonyan et al. 2014, “Deep Inside Convolutional Networks”, https://arxiv.org/abs/1312.6034.
    """
    return Objective(lambda forward: read(forward.outputs[layer]), frozenset({layer}))


def distance(layer: str, target: Tensor) -> Objective:
    """Return how far the layer's output A is from a target T: |A - T|² / |T|², which is 0 at the target.

    If T is zero, the distance is |A|².

    Args:
        layer: The dotted name of the layer.
        target: The output to compare with, of the same shape (N, …).

    Returns:
        The objective. Subtract it to approach the target.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, objectives
        >>> target = torch.ones(1, 2, 4, 4)
        >>> objectives.distance("layer", target)(ForwardPass(torch.zeros(1, 3, 8, 8), {"layer": 3 * target}))
        tensor([4.])

    References:
        Mahendran and Vedaldi 2015, “Understanding Deep Image Representations by Inverting Them”,
        https://arxiv.org/abs/1412.0035.
    """
    norm = target.flatten(1).pow(2).sum(1)
    norm = torch.where(norm > 0, norm, 1)
    return _of_layer(layer, lambda output: (output - target).flatten(1).pow(2).sum(1) / norm)


def _of_layer(layer: str, value: Callable[[Tensor], Tensor], channels_first: bool = False) -> Objective:
    """Return the objective that computes `value` from a layer's output; `channels_first` moves channels to axis 1."""

    def read(forward: ForwardPass) -> Tensor:
        output = widened(require_tensor(forward.outputs[layer], layer))
        return value(forward.columns(layer, output) if channels_first else output)

    return Objective(read, frozenset({layer}))


def _as_objective(other: Objective | float) -> Objective:
    return other if isinstance(other, Objective) else Objective(lambda forward: forward.pixels.new_tensor(other))


def _channel(maps: Tensor, layer: str, number: int) -> Tensor:
    """Return one channel (N, …) of `maps` (N, C, …)."""
    if not 0 <= number < maps.shape[1]:
        accepted = f"channels 0 to {maps.shape[1] - 1}"
        raise MirrorError(
            f"channel cannot be {number}: the layer '{layer}' has {accepted}.", culprit=str(number), accepted=accepted
        )
    return maps[:, number]


def _middle(values: Tensor) -> Tensor:
    """Return the value in the middle of each item of `values` (N, …): (N,)."""
    middle: tuple[int | slice, ...] = (slice(None), *(side // 2 for side in values.shape[1:]))
    return values[middle]
