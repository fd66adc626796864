"""Transformations of the inputs and raw values of every visualisation: named ones, or any callable from Python.

Transformations keep the shape, so that maps still fit the picture that they are drawn over.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.optim import operators

Transformation = Callable[[Tensor], Tensor]


def _grey(inputs: Tensor) -> Tensor:
    return inputs.mean(1, keepdim=True).expand_as(inputs).contiguous()


def _blurred(inputs: Tensor) -> Tensor:
    return operators.blur(max(inputs.shape[2:]) / 64)(inputs)


def _noisy(inputs: Tensor) -> Tensor:
    noise = torch.randn(inputs.shape[1:], generator=torch.Generator().manual_seed(0), dtype=inputs.dtype)
    return inputs + 0.1 * (inputs.amax() - inputs.amin()) * noise.to(inputs.device)


def _smoothed(raw: Tensor) -> Tensor:
    if raw.ndim == 2:
        return raw
    maps = raw if raw.ndim == 4 else raw[:, None]
    return F.avg_pool2d(maps, 3, 1, 1, count_include_pad=False).view_as(raw)


# Transformations of normalised pictures (N, C, H, W).
INPUTS: dict[str, Transformation] = {
    "none": lambda inputs: inputs,
    "grey": _grey,
    "blurred": _blurred,
    "noisy": _noisy,
}
# Transformations of raw values (N, h, w), (N, C, h, w) or (N, C), before they are coloured.
OUTPUTS: dict[str, Transformation] = {
    "none": lambda raw: raw,
    "absolute": lambda raw: raw.abs(),
    "positive only": lambda raw: raw.clamp(min=0),
    "negative only": lambda raw: (-raw).clamp(min=0),
    "smoothed": _smoothed,
    "largest = 1": render.scale_by_peak,
}


def apply(transformation: str | Transformation, named: dict[str, Transformation], values: Tensor) -> Tensor:
    """Return `values` transformed.

    Args:
        transformation: A name in `named`, or a function that keeps the shape.
        named: The named transformations: `INPUTS` or `OUTPUTS`.
        values: The inputs, or the raw values.

    Returns:
        The transformed values.

    Raises:
        MirrorError: If the function changes the shape, or returns something other than a tensor.

    Example:
        >>> import torch
        >>> from mirror_app.visualisations.core.transformations import OUTPUTS, apply
        >>> apply("positive only", OUTPUTS, torch.tensor([[-1.0, 2.0]]))
        tensor([[0., 2.]])
    """
    function = named[transformation] if isinstance(transformation, str) else transformation
    transformed = function(values)
    if not isinstance(transformed, Tensor) or transformed.shape != values.shape:
        shown = tuple(transformed.shape) if isinstance(transformed, Tensor) else type(transformed).__name__
        name = getattr(function, "__name__", type(function).__name__)
        raise MirrorError(
            f"The transformation '{name}' must keep the shape {tuple(values.shape)}, but it returned {shown}.",
            culprit=name,
            accepted=str(tuple(values.shape)),
        )
    return transformed
