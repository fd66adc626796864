"""Attention: where each head of a layer looks."""

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.params import Location, Radio
from mirror_app.visualisations.core.attention.reading import (
    Weights,
    last_weights,
    outlier_note,
    row_of,
    summary_query,
)
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.registry import Question, visualisation

HEADS = ("each", "mean")


@visualisation(
    "Attention",
    paper="Vaswani et al. 2017, “Attention Is All You Need”, https://arxiv.org/abs/1706.03762",
    use="To see where the attention heads of a transformer look, from the class token or from a place of your choice.",
    avoid="To explain why a class was chosen: attention shows what is read, not how it affects the answer.",
    asks=Question.FINDS,
    also="attention map, attention weights, self-attention, vision transformer, ViT, Swin",
)
class Attention(Visualisation):
    """Where each attention head of a layer looks.

    W = softmax(Q Kᵀ / √d) for each head, as the model computes it. If the model attends within windows, each window has
    a W of its own.
    `info["raw"]` (N, heads, h, w) is one query's row of W, on the grid of the keys. If it sums to less than 1, the rest
    goes to tokens without a position, such as the class token itself. The query is the token at `location`. Without a
    location, it is the token that the answer is read from: the class token, or the query of an attention pooling. If
    the answer is read from all tokens, or if the queries correspond to no locations, the average over all queries is
    shown. If a few tokens dominate the colour scale, a note points this out.

    Args:
        inputs: The pictures (N, C, H, W), normalised as the model expects.
        layer: A submodule, its dotted name, or None for the default. Of the attention operations in
            it, the last one whose tokens correspond to locations in the picture is shown. If the submodule contains no
            attention, the nearest enclosing module that contains some is used.
        location: A location in the picture, as "row,column" in pixels of the model's input. The maps show what the
            token at this location attends to. "" stands for the token that the answer is read from.
        heads: "each" shows one image per head, "mean" the average of the heads.

    Returns:
        `(images, info)`: one image (3, h, w) in [0, 1] per head, N · heads of them. `info["detail"]` names the layer.
        `info["deviation"]` is the largest difference between weights × values and what the model computed, relative to
        the largest absolute value of the latter.

    Raises:
        MirrorError: If the model has no attention with a softmax, if the tokens of the layer do not correspond to
            locations in the picture, or if `location` is not in the picture.

    Example:
        >>> import torch
        >>> from torchvision.models import VisionTransformer
        >>> from mirror_app.visualisations.core import Attention
        >>> model = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16)
        >>> images, info = Attention(model)(torch.rand(1, 3, 32, 32), "encoder.layers.encoder_layer_0")
        >>> info["raw"].shape
        torch.Size([1, 2, 4, 4])
        >>> Attention(model)(torch.rand(1, 3, 32, 32), "encoder", location="12,20", heads="mean")[1]["raw"].shape
        torch.Size([1, 1, 4, 4])

    References:
        Vaswani et al. 2017, “Attention Is All You Need”, https://arxiv.org/abs/1706.03762.
        Dosovitskiy et al. 2021, “An Image is Worth 16x16 Words”, https://arxiv.org/abs/2010.11929.
    """

    look = render.marking_outliers(render.tiles)
    needs_attention = True

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        location: Annotated[
            str,
            Location(
                "Shows what this location in the picture attends to. Click the model input, or enter row,column in "
                "its pixels. If this field is empty, the picture shows what the class token attends to, or the average "
                "over all tokens.",
                longest=20,
            ),
        ] = "",
        heads: Annotated[
            str, Radio("Each head has an image of its own, or their mean is shown.", options=HEADS)
        ] = "each",
    ) -> Iterator[Attribution]:
        weights = last_weights(self.view, inputs, layer)
        if location:
            maps = weights.places.read_from(weights.values, _query_at(location, weights, inputs))
            looking = f"looking from {location}"
        else:
            query = summary_query(self.view, inputs, weights)
            maps = weights.places.keys.maps(row_of(weights.values, query))
            looking = "looking from all locations" if query is None else ""
        shown = "the heads of" if heads == "each" else "the mean of the heads of"
        detail = " ".join(filter(None, (shown, weights.name, looking)))
        maps = maps if heads == "each" else maps.mean(1, keepdim=True)
        note = outlier_note(maps) or None
        yield Attribution(maps, Info(detail=detail, note=note, extra={"deviation": weights.deviation}))


def _query_at(location: str, weights: Weights, inputs: Tensor) -> int:
    """Return the position of the query at a location in the picture, given as "row,column" in pixels."""
    height, width = inputs.shape[2:]
    accepted = f"row,column from 0,0 to {height - 1},{width - 1}"
    numbers = location.split(",")
    if len(numbers) != 2 or not all(number.strip().isdecimal() for number in numbers):
        raise MirrorError(f"location must be {accepted}, not '{location}'.", culprit=location, accepted=accepted)
    row, column = map(int, numbers)
    if row >= height or column >= width:
        raise MirrorError(f"location must be {accepted}, not '{location}'.", culprit=location, accepted=accepted)
    if weights.places.queries is None:
        raise MirrorError(
            f"The queries of '{weights.name}' do not correspond to locations in the picture",
            culprit=weights.name,
            accepted="self-attention",
            hint="leave the location empty, or choose another layer",
        )
    return weights.places.queries.position_at((row + 0.5) / height, (column + 0.5) / width)
