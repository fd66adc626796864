"""The layer to begin with: the last good one that has a map, and on whose places the answer depends. Each is tried."""

import torch
from torch import Tensor

from mirror_app import layers
from mirror_app.errors import MirrorError
from mirror_app.probe.layout import Layout, find_layout
from mirror_app.probe.outputs import leaves_of
from mirror_app.probe.view import View, one_tensor

MOST_TRIED = 40


def default_layer(view: View, inputs: Tensor) -> str:
    """Return the layer to begin with, for inputs of the shape of `inputs` (N, C, H, W): tried once, and kept.

    It is the first of `layers.candidates` that gives maps by which the answer has a slope that is not zero everywhere;
    where the answer depends on none, the first that gives maps; and without maps the model itself, whose name is empty.
    """
    shape = tuple(inputs.shape[1:])
    if shape not in view.default_layers:
        view.default_layers[shape] = _default_layer(view, _noise(inputs))
    return view.default_layers[shape]


def layout(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    """Return how `output`, which `layer` gives for `inputs` (N, C, H, W), holds its maps.

    Raises MirrorError where it has none, or where it could be read in several ways, and names a layer that was tried.
    """
    try:
        return find_layout(view, inputs, layer, output)
    except MirrorError as error:
        instead = default_layer(view, inputs)
        if instead in ("", layer):
            raise
        reason = str(error).partition(":")[0].rstrip(".")
        raise MirrorError(f"A layer with a spatial map is needed. {reason}: try '{instead}'.") from None


def _default_layer(view: View, picture: Tensor) -> str:
    with torch.no_grad():
        view.record_calls(picture)
    with_map = ""
    for name in layers.candidates(layers.tree(view.source, view.calls))[:MOST_TRIED]:
        slope = _slope(view, picture, name)
        has_map = slope is not None and _has_map(view, picture, name)
        if has_map and slope is not None and find_layout(view, picture, name, slope).maps(slope).any():
            return name
        with_map = with_map or (name if has_map else "")
    return with_map


def _noise(inputs: Tensor) -> Tensor:
    """Return one picture of noise: the default of a model does not hang on what is looked at."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, *inputs.shape[1:], generator=generator, dtype=torch.float64).to(inputs)


def _slope(view: View, picture: Tensor, name: str) -> Tensor | None:
    """Return the gradient of a random mixture of all that the model answers by what the layer gives; None for none."""
    try:
        output, answer = view.split(picture, name)
    except MirrorError:  # it does not give one tensor
        return None
    answers = [part for _, part in leaves_of(answer) if part.requires_grad]
    if not answers:
        return torch.zeros_like(output)
    generator = torch.Generator().manual_seed(0)
    mixed = sum((part * torch.randn(part.shape, generator=generator).to(part)).sum() for part in answers)
    (slope,) = torch.autograd.grad(mixed, output, allow_unused=True)  # type: ignore[arg-type]
    return torch.zeros_like(output) if slope is None else slope


def _has_map(view: View, picture: Tensor, name: str) -> bool:
    try:
        find_layout(view, picture, name, one_tensor(view.capture(picture, name), name))
    except MirrorError:
        return False
    return True
