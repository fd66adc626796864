"""What may be done to every visualisation's inputs and raw numbers: named ways for the page, or any callable in Python.

Both keep height and width, so that what is laid over the picture lies right.
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


# Of a normalised picture (N, C, H, W).
INPUTS: dict[str, Transformation] = {
    "none": lambda inputs: inputs,
    "grey": _grey,
    "blurred": _blurred,
    "noisy": _noisy,
}
# Of the raw numbers (N, h, w), (N, C, h, w) or (N, C), before any colour.
OUTPUTS: dict[str, Transformation] = {
    "none": lambda raw: raw,
    "absolute": lambda raw: raw.abs(),
    "positive only": lambda raw: raw.clamp(min=0),
    "negative only": lambda raw: (-raw).clamp(min=0),
    "smoothed": _smoothed,
    "largest = 1": render.scale_by_peak,
}


def applied(transformation: str | Transformation, known: dict[str, Transformation], values: Tensor) -> Tensor:
    """Return `values` transformed, by a name of `known` or a callable; raise MirrorError where their shape changes."""
    found = known[transformation] if isinstance(transformation, str) else transformation
    changed = found(values)
    if not isinstance(changed, Tensor) or changed.shape != values.shape:
        shown = tuple(changed.shape) if isinstance(changed, Tensor) else type(changed).__name__
        name = getattr(found, "__name__", type(found).__name__)
        raise MirrorError(f"The transformation '{name}' gives {shown}, where {tuple(values.shape)} is needed.")
    return changed
