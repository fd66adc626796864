"""Attention rollout: where the answer's information comes from, traced through all layers."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.params import Radio, Slider
from mirror_app.probe import View
from mirror_app.visualisations.core.attention.reading import (
    Weights,
    attention_numbers,
    is_pooling,
    outlier_note,
    read_weights,
    row_of,
    summary_query,
)
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.registry import Question, visualisation

FUSIONS = ("mean", "max", "min")


@visualisation(
    "Attention rollout",
    paper="Abnar and Zuidema 2020, “Quantifying Attention Flow”, https://arxiv.org/abs/2005.00928",
    use="To get a single map of where a vision transformer's class token gets its information.",
    avoid="To compare classes: it is the same for all of them, and it ignores the value vectors, that is, what each "
    "token passes on. In deep transformers, the map often collapses onto one or two tokens.",
    asks=Question.WHERE,
    also="attention map, attention flow, vision transformer, ViT",
)
class AttentionRollout(Visualisation):
    """Where the class token's information comes from, traced through all attention layers up to the chosen one.

    R = A_L · … · A₂ · A₁ with A = (W + I) / 2, where W is the average of the heads of a layer and I stands for its
    residual connection. `info["raw"]` (N, h, w) is the class token's row of R, on the grid of the patches; its
    entries add up to at most 1. It depends neither on the value vectors nor on the class. For a model without a class
    token, the average of all rows is shown. An attention pooling at the end multiplies R by its weights, without a
    residual.

    Args:
        inputs: The pictures (N, C, H, W), normalised as the model expects.
        layer: A submodule, its dotted name, or None for the default. The product ends with the last attention in it. If
            the submodule contains no attention, the nearest enclosing module that contains some is used.
        heads: How the heads of a layer become one matrix: their "mean", "max" or "min".
        discard: The share of the weights of each W that is set to 0, smallest first. Weights on tokens without a place,
            such as the class token, are kept. The rows are then scaled to sum to 1 again.

    Returns:
        `(images, info)`: images (N, 3, H, W) in [0, 1], the map in colour over the picture.

    Raises:
        MirrorError: If the model has no attention with a softmax, if its layers attend in windows or change the number
            of tokens, or if the tokens do not correspond to locations in the picture.

    Example:
        >>> import torch
        >>> from torchvision.models import VisionTransformer
        >>> from mirror_app.visualisations.core import AttentionRollout
        >>> model = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16)
        >>> AttentionRollout(model)(torch.rand(1, 3, 32, 32), "encoder")[1]["raw"].shape
        torch.Size([1, 4, 4])

    References:
        Abnar and Zuidema 2020, “Quantifying Attention Flow in Transformers”, https://arxiv.org/abs/2005.00928.

    Deviations from the paper:
        The paper uses the mean of the heads and discards nothing, as the defaults do.
    """

    look = render.marking_outliers(render.heat)
    needs_attention = True

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        heads: Annotated[str, Radio("How the heads of a layer are combined.", options=FUSIONS)] = "mean",
        discard: Annotated[
            float,
            Slider("The share of each layer's attention weights to ignore, starting with the smallest.", max=0.95),
        ] = 0.0,
    ) -> Iterator[Attribution]:
        numbers = attention_numbers(self.view, inputs, layer)
        every = read_weights(self.view, inputs, numbers)
        require_same_tokens(every, "Attention rollout")
        *_, last = every
        flow = torch.eye(every[0].values.shape[-1]).to(last.values)
        for weights in every:
            fused = _fuse(weights, heads, discard)
            flow = (fused if is_pooling(weights) else (fused + torch.eye(fused.shape[-1]).to(fused)) / 2) @ flow
        note = f"Traced from the picture up to '{last.name}'. It is the same for every class."
        map_ = summary_map(self.view, inputs, every, flow)
        yield Attribution(map_, Info(note=f"{note} {outlier_note(map_)}".strip()))


def _fuse(weights: Weights, heads: str, discard: float) -> Tensor:
    """Return the weights of all heads as one matrix (N, Q, K), with zeros in place of the smallest."""
    of_heads = weights.heads()
    fused = {"mean": of_heads.mean(1), "max": of_heads.amax(1), "min": of_heads.amin(1)}[heads]
    if discard:
        placed = fused[..., list(weights.places.keys.positions)]
        threshold = placed.flatten(1).quantile(discard, dim=1)[:, None, None]
        fused = fused.clone()
        fused[..., list(weights.places.keys.positions)] = placed.where(placed >= threshold, 0)
    return fused / fused.sum(-1, keepdim=True) if discard or heads != "mean" else fused


def summary_map(view: View, inputs: Tensor, every: list[Weights], flow: Tensor) -> Tensor:
    """Return the map (N, h, w) of what the model's answer is read from, given the flow (N, Q, K) through all layers."""
    row = row_of(flow, summary_query(view, inputs, every[-1]))
    return every[0].places.keys.maps(row[:, None])[:, 0]


def require_same_tokens(every: list[Weights], method: str) -> None:
    """Raise MirrorError unless all layers attend among the same tokens."""
    count = every[0].values.shape[-1]
    for weights in every:
        queries, keys = weights.values.shape[-2:]
        if weights.is_global and keys == count and (queries == count or (is_pooling(weights) and weights is every[-1])):
            continue
        reason = "changes the number of tokens" if weights.is_global else "attends in windows"
        raise MirrorError(
            f"{method} follows the same tokens through all layers, but '{weights.name}' {reason}",
            culprit=weights.name,
            accepted="attention among the same tokens",
            hint="use LeGrad, or Attention at one layer",
        )
