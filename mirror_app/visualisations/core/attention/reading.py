"""Attention weights of one or all layers, ready for a visualisation: a number for each picture, head, query and key."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mirror_app import layers, render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import View
from mirror_app.probe.attention_calls import AttentionCall, attention_layers, reading_attention
from mirror_app.probe.attention_places import NoPlacesError, Places, attention_places
from mirror_app.probe.outputs import named_tensors
from mirror_app.visualisations.core.target_score import TargetScore


@dataclass(frozen=True)
class Weights:
    """The attention weights of one operation between places of the picture.

    Attributes:
        name: The name of the layer that computes them.
        values: The weights (N, …, Q, K). The axes in place of the dots are those of heads and windows.
        places: Where queries and keys lie on the picture.
        deviation: How far weights × values is from what the model computed, relative to its largest absolute value.
    """

    name: str
    values: Tensor
    places: Places
    deviation: float

    @property
    def is_global(self) -> bool:
        """Whether each query can read each key, as opposed to the keys of one window."""
        return not self.places.keys.windows

    def heads(self) -> Tensor:
        """Return the weights of a global operation as (N, heads, Q, K)."""
        return self.values.flatten(1, -3)


def attention_numbers(view: View, inputs: Tensor, layer: str) -> list[int]:
    """Number the attention operations in the order in which they run; return the numbers up to that of `layer`.

    The operation of a layer is the last one within it. If the layer contains no attention, the nearest enclosing module
    that contains some is used instead.

    Raises:
        MirrorError: If the model has no attention weights.
    """
    return list(range(numbers_within(view, inputs, layer)[-1] + 1))


def numbers_within(view: View, inputs: Tensor, layer: str) -> list[int]:
    """Return the numbers of the attention operations within `layer`, or within the nearest module that has any.

    Raises:
        MirrorError: If the model has no attention weights.
    """
    names = [running[-1] for running in attention_layers(view, inputs[:1])]
    if not names:
        raise MirrorError(
            "The model has no attention weights (it has no attention, or attention without a softmax, such as linear "
            "attention)",
            accepted="attention with a softmax",
            hint="use Grad-CAM instead",
        )
    module = layer
    while not (within := [number for number, name in enumerate(names) if _is_within(name, module)]):
        module = layers.parent_of(module)
    return within


def read_weights(view: View, inputs: Tensor, numbers: Collection[int]) -> list[Weights]:
    """Return the weights of the attention operations with these numbers, read in one forward pass."""
    calls: list[AttentionCall | None] = []
    with reading_attention(view, inputs, lambda call: calls.append(call if len(calls) in numbers else None)):
        view.predict(inputs)
    return [_weights(view, inputs, number, call) for number, call in enumerate(calls) if call]


def last_weights(view: View, inputs: Tensor, layer: str) -> Weights:
    """Return the weights of the last attention operation within `layer` whose tokens correspond to locations.

    Raises:
        NoPlacesError: If there is none. The error is that of the last operation.
    """
    refusals: list[NoPlacesError] = []
    for number in reversed(numbers_within(view, inputs, layer)):
        try:
            (weights,) = read_weights(view, inputs, [number])
        except NoPlacesError as error:
            refusals.append(error)
        else:
            return weights
    raise refusals[0]


def weights_and_gradients(
    view: View, inputs: Tensor, target: TargetScore
) -> tuple[list[tuple[Weights, Tensor]], Tensor]:
    """Return the weights of all operations with the gradient of the target's score, and the chosen answers.

    Operations that the score does not depend on are left out. So are operations whose tokens do not correspond to
    locations in the picture, such as attention between channels.
    """
    attention_numbers(view, inputs, "")
    calls: list[AttentionCall] = []
    with reading_attention(view, inputs, lambda call: calls.append(call) if call.weights.requires_grad else None):
        _, answers = target.output(inputs)
    chosen = target.chosen(answers)
    score = target.score(answers, chosen).sum()
    gradients: Sequence[Tensor | None] = torch.autograd.grad(score, [call.weights for call in calls], allow_unused=True)
    results: list[tuple[Weights, Tensor]] = []
    refusal: NoPlacesError | None = None
    for number, (call, gradient) in enumerate(zip(calls, gradients, strict=True)):
        if gradient is None:
            continue
        try:
            weights = _weights(view, inputs, number, call)
        except NoPlacesError as error:
            refusal = error
        else:
            results.append((weights, widened(gradient.unflatten(0, (len(inputs), -1)))))
    if not results:
        raise refusal or MirrorError(
            "The target does not depend on any attention weights",
            culprit=str(target.target),
            hint="choose a class, or a target in a layer after the attention",
        )
    return results, chosen


def summary_query(view: View, inputs: Tensor, weights: Weights) -> int | None:
    """Return the query that the model's answer is read from, such as the class token; None if it is read from all.

    Several tokens may have no place, such as the class token and registers. The answer's gradient tells them apart.
    """
    unplaced = weights.places.unplaced_queries(weights.values.shape[-2])
    if not unplaced:
        return None
    if is_pooling(weights):
        return unplaced[0]
    if weights.places.queries is None:  # none of them stands for a location, and nothing tells which is the summary
        return None
    key = ("class token", *inputs.shape[1:], weights.values.shape[-2])
    if key not in view.layouts:
        view.layouts[key] = _most_read(view, inputs[:1], weights.values.shape[-2], unplaced)
    summary: int | None = view.layouts[key]
    return summary


def row_of(matrix: Tensor, query: int | None) -> Tensor:
    """Return the row of one query in `matrix` (…, Q, K), or the mean of all rows if the query is None."""
    return matrix.mean(-2) if query is None else matrix[..., query, :]


def outlier_note(maps: Tensor) -> str:
    """Return a note on the outliers in maps (N, …, h, w), or "" if there are none."""
    mask = render.outliers(maps)
    if not mask.any():
        return ""
    share = float((maps * mask).sum() / maps.sum())
    return (
        f"A few cells hold {share:.0%} of the attention in the picture. To see the others, switch on “Mark outliers” "
        "under Look. If such cells lie on the background, they may be outlier tokens, in which large transformers "
        "store information about the whole picture."
    )


def is_pooling(weights: Weights) -> bool:
    """Tell whether a single query reads all tokens."""
    return weights.values.shape[-2] == 1


def _most_read(view: View, picture: Tensor, count: int, unplaced: list[int]) -> int | None:
    """Return the query in `unplaced` that the answer depends on most, or None if it depends on placed queries as well.

    The dependence is measured in the last operation with `count` queries.
    """
    calls: list[AttentionCall] = []
    with reading_attention(view, picture, lambda call: calls.append(call) if call.weights.shape[-2] == count else None):
        _, output = view.run_from_inputs(picture)
    generator = torch.Generator().manual_seed(0)
    mixture = sum(
        (tensor * torch.randn(tensor.shape, generator=generator).to(tensor)).sum()
        for _, tensor in named_tensors(output)
        if tensor.requires_grad
    )
    if not isinstance(mixture, Tensor):
        return unplaced[0] if len(unplaced) == 1 else None
    (gradient,) = torch.autograd.grad(mixture, [calls[-1].weights])
    strength = gradient.abs().sum(-1).flatten(0, -2).sum(0)
    placed = [query for query in range(count) if query not in set(unplaced)]
    best = max(unplaced, key=lambda query: (float(strength[query]), -query))
    return best if not placed or strength[best] >= strength[placed].mean() / 2 else None


def _weights(view: View, inputs: Tensor, number: int, call: AttentionCall) -> Weights:
    values = widened(call.weights.detach().unflatten(0, (len(inputs), -1)))
    return Weights(call.running[-1], values, attention_places(view, inputs, number), call.deviation)


def _is_within(name: str, module: str) -> bool:
    return f"{name}.".startswith(f"{module}." if module else "")
