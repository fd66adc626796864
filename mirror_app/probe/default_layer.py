"""The default layer of a model: the best candidate whose spatial maps influence the answer when the model runs."""

from functools import cache, partial
from math import prod

import torch
from torch import Tensor

from mirror_app import layers
from mirror_app.errors import MirrorError
from mirror_app.probe.layout import Layout, find_layout
from mirror_app.probe.outputs import class_logits, named_tensors
from mirror_app.probe.view import View, require_tensor

MAX_CANDIDATES = 16
MIN_CELL_SIZE = 8  # pixels along each side; a stage with smaller cells detects only strokes and is not a default


def default_layer(view: View, inputs: Tensor, before_last: bool = False) -> str:
    """Return the default layer for inputs of the shape of `inputs` (N, C, H, W); the result is cached.

    It is the first of `layers.candidates` that has spatial maps at which the gradient of the answer is not zero. If the
    gradient is zero at all candidates, it is the first candidate with spatial maps. If no candidate has spatial maps,
    it is the model itself, whose name is "".

    With `before_last`, the last layer of the previous stage is returned, whose maps are finer. If there is no previous
    stage, or if its cells are smaller than `MIN_CELL_SIZE` pixels a side, the default layer is returned.
    """
    shape = tuple(inputs.shape[1:])
    if shape not in view.default_layers:
        view.default_layers[shape] = _default_layer(view, _noise_picture(inputs))
    last = view.default_layers[shape]
    if not before_last or not last:
        return last
    if shape not in view.earlier_layers:
        view.earlier_layers[shape] = _earlier_layer(view, _noise_picture(inputs), last)
    return view.earlier_layers[shape]


def layout(view: View, inputs: Tensor, layer: str, output: Tensor) -> Layout:
    """Return how `output`, the output of `layer` for `inputs` (N, C, H, W), holds its spatial maps.

    Raises MirrorError if `output` has no spatial map or an ambiguous one; the hint names a layer that works, if any.
    """
    try:
        return find_layout(view, inputs, layer, output)
    except MirrorError as error:
        alternative = default_layer(view, inputs)
        if not alternative:
            raise MirrorError(
                "The model has no layer with a spatial map", hint="use Occlusion, which needs none"
            ) from None
        if alternative == layer:
            raise
        raise MirrorError(error.problem.rstrip("."), culprit=layer, hint=f"try '{alternative}'") from None


def layout_of(view: View, inputs: Tensor, layer: str) -> Layout:
    """Return the `layout` of the output of `layer`. Call it before recording a graph, because it may run the model."""
    cached = view.layouts.get((layer, tuple(inputs.shape[1:])))
    return cached or layout(view, inputs, layer, view.capture(inputs, layer))


def channels_first(view: View, inputs: Tensor, layer: str, output: Tensor) -> Tensor:
    """Return the `output` of `layer` for `inputs` with the channels on axis 1.

    The shape becomes (N, C), (N, C, h, w) or, if some positions lie outside the grid, (N, C, P).

    Raises MirrorError if the layout of `output` cannot be determined.
    """
    if output.ndim < 3 or output[0].numel() == output.shape[1]:
        return output
    return layout(view, inputs, layer, output).channels_first(output)


def _default_layer(view: View, picture: Tensor) -> str:
    with torch.no_grad():
        answer = view.record_calls(picture)
    logits = class_logits(answer)
    classes = None if logits is None else logits.shape[1]
    candidates = layers.candidates(layers.tree(view.source, view.calls), classes)[:MAX_CANDIDATES]
    # A detection model that finds nothing returns empty tensors.
    has_values = any(tensor.numel() for _, tensor in named_tensors(answer))
    count_cells = cache(partial(_count_cells, view, picture))
    for name in candidates if has_values else []:
        gradient = _answer_gradient(view, picture, name)
        if gradient is None or _active_entries(gradient) <= 1:  # at most a class token, so no spatial map
            continue
        if count_cells(name) and find_layout(view, picture, name, gradient).maps(gradient).any():
            return name
    return next((name for name in candidates if count_cells(name)), "")


def _earlier_layer(view: View, picture: Tensor, last: str) -> str:
    with torch.no_grad():
        view.record_calls(picture)
    candidates = layers.stages_before(layers.tree(view.source, view.calls), last)
    n_pixels, n_last = prod(picture.shape[2:]), _count_cells(view, picture, last)
    for name in candidates:
        if (n_cells := _count_cells(view, picture, name)) > n_last:
            return name if n_pixels >= MIN_CELL_SIZE**2 * n_cells else last
    return last


def _active_entries(gradient: Tensor) -> int:
    """Return the largest number of entries with non-zero gradients on any axis between the batch axis and the last."""
    return max(
        int((gradient.movedim(axis, 0) != 0).flatten(1).any(1).sum()) for axis in range(1, max(2, gradient.ndim - 1))
    )


def _noise_picture(inputs: Tensor) -> Tensor:
    """Return one noise picture, so that the default layer does not depend on the picture shown."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, *inputs.shape[1:], generator=generator, dtype=torch.float64).to(inputs)


def _answer_gradient(view: View, picture: Tensor, name: str) -> Tensor | None:
    """Return the gradient of a random mixture of the model's answers with respect to the layer's output.

    The answers are the class scores or the embedding, which may come with feature maps that explain nothing; without
    them, they are all outputs. Returns None if the layer does not return one tensor, or if no gradient reaches it.
    """
    try:
        output, answer = view.split(picture, name)
    except MirrorError:  # the layer does not return one tensor, or no gradient reaches it
        return None
    logits = class_logits(answer)
    answers = [logits] if logits is not None else [tensor for _, tensor in named_tensors(answer)]
    answer_tensors = [tensor for tensor in answers if tensor.requires_grad]
    if not answer_tensors:
        return torch.zeros_like(output)
    generator = torch.Generator().manual_seed(0)
    directions = [
        torch.randn(tensor.shape, generator=generator, dtype=torch.float32).to(tensor) for tensor in answer_tensors
    ]
    (gradient,) = torch.autograd.grad(answer_tensors, output, directions, allow_unused=True)
    return torch.zeros_like(output) if gradient is None else gradient


def _count_cells(view: View, picture: Tensor, name: str) -> int:
    """Return the number of cells in the spatial maps of a layer, or 0 if it has no spatial maps."""
    try:
        output = require_tensor(view.capture(picture, name), name)
        return prod(find_layout(view, picture, name, output).maps(output).shape[2:])
    except MirrorError:
        return 0
