"""The layer to begin with: the last good one that has a map, and on whose places the answer depends. Each is tried."""

from math import prod

import torch
from torch import Tensor

from mirror_app import layers
from mirror_app.errors import MirrorError
from mirror_app.probe.layout import Layout, find_layout
from mirror_app.probe.outputs import class_logits, named_tensors
from mirror_app.probe.view import View, require_tensor

MOST_TRIED = 16
FINEST = 8  # pixels: the side of a place in the maps of a stage before the last, below which it knows strokes alone


def default_layer(view: View, inputs: Tensor, before_last: bool = False) -> str:
    """Return the layer to begin with, for inputs of the shape of `inputs` (N, C, H, W): tried once, and kept.

    It is the first of `layers.candidates` that gives maps by which the answer has a slope that is not zero everywhere;
    where the answer depends on none, the first that gives maps; and without maps the model itself, whose name is empty.
    With `before_last` it is the end of the stage before, whose maps have more places; that itself, where there is none,
    or where those places are finer than `FINEST` pixels.
    """
    shape = tuple(inputs.shape[1:])
    if shape not in view.default_layers:
        view.default_layers[shape] = _default_layer(view, _noise(inputs))
    last = view.default_layers[shape]
    if not before_last or not last:
        return last
    if shape not in view.layers_before:
        view.layers_before[shape] = _layer_before(view, _noise(inputs), last)
    return view.layers_before[shape]


def layout(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    """Return how `output`, which `layer` gives for `inputs` (N, C, H, W), holds its maps.

    Raises MirrorError where it has none, or where it could be read in several ways, and names a layer that was tried.
    """
    try:
        return find_layout(view, inputs, layer, output)
    except MirrorError as error:
        instead = default_layer(view, inputs)
        if not instead:
            raise MirrorError("The model has no layer with a spatial map: take Occlusion, which needs none.") from None
        if instead == layer:
            raise
        reason = str(error).partition(":")[0].rstrip(".")
        raise MirrorError(f"A layer with a spatial map is needed. {reason}: try '{instead}'.") from None


def layout_of(view: View, inputs: Tensor, layer: str) -> Layout:
    """Return what `layout` does, for what `layer` gives: to be asked before a graph is made, for the model may run."""
    known = view.layouts.get((layer, tuple(inputs.shape[1:])))
    return known or layout(view, inputs, layer, view.capture(inputs, layer))


def channels_first(view: View, inputs: Tensor, layer: str, output: Tensor) -> Tensor:
    """Return what `layer` gives for `inputs` with its channels before its places: (N, C), (N, C, h, w), (N, C, P).

    Raises MirrorError where its layout cannot be proven.
    """
    if output.ndim < 3 or output[0].numel() == output.shape[1]:
        return output
    return layout(view, inputs, layer, output).columns(output)


def _default_layer(view: View, picture: Tensor) -> str:
    with torch.no_grad():
        answer = view.record_calls(picture)
    logits = class_logits(answer)
    classes = None if logits is None else logits.shape[1]
    names = layers.candidates(layers.tree(view.source, view.calls), classes)[:MOST_TRIED]
    is_empty = not any(part.numel() for _, part in named_tensors(answer))  # as of a detection model that finds nothing
    for name in [] if is_empty else names:
        slope = _slope(view, picture, name)
        if slope is None or _moved(slope) <= 1:  # only a class token, or nothing: no need to look for places
            continue
        if _places(view, picture, name) and find_layout(view, picture, name, slope).maps(slope).any():
            return name
    return next((name for name in names if _places(view, picture, name)), "")


def _layer_before(view: View, picture: Tensor, last: str) -> str:
    with torch.no_grad():
        view.record_calls(picture)
    names = layers.stages_before(layers.tree(view.source, view.calls), last)
    pixels, fewest = prod(picture.shape[2:]), _places(view, picture, last)
    for name in names:
        if (places := _places(view, picture, name)) > fewest:
            return name if pixels >= FINEST**2 * places else last
    return last


def _moved(slope: Tensor) -> int:
    """Return how many entries of a token axis, or of any other axis but the last, have a slope that is not zero."""
    return max(int((slope.movedim(axis, 0) != 0).flatten(1).any(1).sum()) for axis in range(1, max(2, slope.ndim - 1)))


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
    answers = [part for _, part in named_tensors(answer) if part.requires_grad]
    if not answers:
        return torch.zeros_like(output)
    generator = torch.Generator().manual_seed(0)
    directions = [torch.randn(part.shape, generator=generator, dtype=torch.float32).to(part) for part in answers]
    (slope,) = torch.autograd.grad(answers, output, directions, allow_unused=True)
    return torch.zeros_like(output) if slope is None else slope


def _places(view: View, picture: Tensor, name: str) -> int:
    """Return how many places the maps of a layer have; 0 where it has no maps."""
    try:
        output = require_tensor(view.capture(picture, name), name)
        return prod(find_layout(view, picture, name, output).maps(output).shape[2:])
    except MirrorError:
        return 0
