"""Attention weights of vision transformers: one layer, or rollout through all layers."""

import inspect
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from mirror_app import layers, render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import View, token_layout
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Attention",
    paper="Vaswani et al. 2017, “Attention Is All You Need”, https://arxiv.org/abs/1706.03762",
    use="To see where a single attention head of a vision transformer looks.",
    avoid="To explain why a class was chosen: attention shows what is read, not how it affects the answer.",
    asks=Question.FINDS,
    also="attention map, attention weights, self-attention, vision transformer, ViT",
)
class Attention(Visualisation):
    """Where each attention head of a layer looks when it updates the class token.

    W = softmax(Q Kᵀ / √d) for each head. `info["raw"]` (N, heads, h, w) is the class token's row of W, on the grid of
    the patches. If the patches get less than 1 in total, the rest goes to tokens without a position, such as the class
    token itself. For a model without a class token, the average of all rows is shown.

    Args:
        inputs: The pictures (N, C, H, W), normalised as the model expects.
        layer: A submodule, its dotted name, or None for the default. The last attention layer inside the submodule is
            shown. If it contains none, the last one of the nearest enclosing module that contains any is shown.

    Returns:
        `(images, info)`: images (N · heads, 3, h, w) in [0, 1], one per head. `info["detail"]` names the attention
        layer.

    Raises:
        MirrorError: If the model has no `nn.MultiheadAttention`, or its tokens cannot be located in the picture.

    Example:
        >>> import torch
        >>> from torchvision.models import VisionTransformer
        >>> from mirror_app.visualisations.core import Attention
        >>> model = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16)
        >>> images, info = Attention(model)(torch.rand(1, 3, 32, 32), "encoder.layers.encoder_layer_0")
        >>> info["raw"].shape
        torch.Size([1, 2, 4, 4])

    References:
        Vaswani et al. 2017, “Attention Is All You Need”, https://arxiv.org/abs/1706.03762.
        Dosovitskiy et al. 2021, “An Image is Worth 16x16 Words”, https://arxiv.org/abs/2010.11929.
    """

    look = render.tiles

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        name = _attention_layers(self.view, inputs, layer)[-1]
        (weights,) = attention_weights(self.view, inputs, [name])
        yield Attribution(_from_class_token(self.view, weights, inputs, name), Info(detail=f"the heads of {name}"))


@visualisation(
    "Attention rollout",
    paper="Abnar and Zuidema 2020, “Quantifying Attention Flow”, https://arxiv.org/abs/2005.00928",
    use="To get a single map of where a vision transformer's class token gets its information.",
    avoid="To compare classes: it is the same for all of them, and it ignores the value vectors, that is, what each "
    "token passes on.",
    asks=Question.WHERE,
    also="attention map, attention flow, vision transformer, ViT",
)
class AttentionRollout(Visualisation):
    """Where the class token's information comes from, traced through all attention layers up to the chosen one.

    R = A_L · … · A₂ · A₁ with A = (W + I) / 2, where W is the average of the heads of a layer and I stands for its
    residual connection. `info["raw"]` (N, h, w) is the class token's row of R, on the grid of the patches. Its values
    are fractions of 1, and depend neither on the value vectors nor on the class. For a model without a class token, the
    average of all rows is shown.

    Args:
        inputs: The pictures (N, C, H, W), normalised as the model expects.
        layer: A submodule, its dotted name, or None for the default. The product ends with the last attention layer
            inside the submodule. If it contains none, the product ends with the last one of the nearest enclosing
            module that contains any.

    Returns:
        `(images, info)`: images (N, 3, H, W) in [0, 1], the map in colour over the picture.

    Raises:
        MirrorError: If the model has no `nn.MultiheadAttention`, or its tokens cannot be located in the picture.

    Example:
        >>> import torch
        >>> from torchvision.models import VisionTransformer
        >>> from mirror_app.visualisations.core import AttentionRollout
        >>> model = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16)
        >>> AttentionRollout(model)(torch.rand(1, 3, 32, 32), "encoder")[1]["raw"].shape
        torch.Size([1, 4, 4])

    References:
        Abnar and Zuidema 2020, “Quantifying Attention Flow in Transformers”, https://arxiv.org/abs/2005.00928.
    """

    look = render.heat

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        names = _attention_layers(self.view, inputs, layer)
        flow: Tensor | None = None
        for weights in attention_weights(self.view, inputs, names):
            mixed = (weights.mean(1) + torch.eye(weights.shape[-1]).to(weights)) / 2
            flow = mixed if flow is None else mixed @ flow
        assert flow is not None
        note = f"Traced from the picture up to '{names[-1]}'. It is the same for every class."
        yield Attribution(_from_class_token(self.view, flow[:, None], inputs, names[-1])[:, 0], Info(note=note))


def attention_weights(view: View, inputs: Tensor, names: Sequence[str]) -> list[Tensor]:
    """Return the weights (N, heads, tokens, tokens) of the named attention layers; each row sums to 1.

    Models usually do not compute these weights, so each layer is called again, with the arguments of the forward pass
    and `need_weights=True`. Raises MirrorError if a layer is not self-attention.
    """
    all_weights = []
    for name, (positional, named) in view.layer_arguments(inputs, names).items():
        module = view.modules[name]
        arguments = inspect.signature(module.forward).bind(*positional, **named).arguments
        with torch.no_grad():
            _, weights = module(**{**arguments, "need_weights": True, "average_attn_weights": False})
        if weights.ndim != 4 or weights.shape[-1] != weights.shape[-2]:
            raise MirrorError(
                f"The layer '{name}' is not self-attention among the tokens of a picture",
                culprit=name,
                hint="choose another",
            )
        all_weights.append(widened(weights))
    return all_weights


def _attention_layers(view: View, inputs: Tensor, layer: str) -> list[str]:
    """Return the attention layers up to the one that `layer` stands for, in the order in which they run."""
    with torch.no_grad():
        view.record_calls(inputs[:1])
    running = sorted(view.calls, key=lambda name: view.calls[name].order)
    names = [name for name in running if isinstance(view.modules[name], nn.MultiheadAttention)]
    if not names:
        raise MirrorError(
            "No nn.MultiheadAttention found; Mirror cannot read attention from other modules (such as timm's or "
            "Swin's)",
            accepted="nn.MultiheadAttention",
            hint="use Grad-CAM instead",
        )
    module = layer
    while not (within := [name for name in names if f"{name}.".startswith(f"{module}." if module else "")]):
        module = layers.parent_of(module)
    return names[: names.index(within[-1]) + 1]


def _from_class_token(view: View, weights: Tensor, inputs: Tensor, name: str) -> Tensor:
    """Return the class token's row of the weights (N, heads, T, T) on the grid of the patches: (N, heads, h, w).

    The class token is the first token without a position. If there is none, the average of all rows is returned.
    """

    def queries(pictures: Tensor) -> Tensor:
        positional, named = view.layer_arguments(pictures, [name])[name]
        tokens = positional[0] if positional else named["query"]
        return tokens if view.modules[name].batch_first else tokens.transpose(0, 1)

    layout = token_layout(view, inputs, f"the tokens of {name}", queries, queries(inputs))
    assert layout.positions is not None
    unplaced = [token for token in range(weights.shape[-1]) if token not in set(layout.positions)]
    row = weights[..., unplaced[0], :] if unplaced else weights.mean(-2)
    return row[..., list(layout.positions)].unflatten(-1, layout.grid)
