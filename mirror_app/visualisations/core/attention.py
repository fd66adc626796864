"""Where the tokens of a vision transformer look: the weights of its attention layers, read as they were computed."""

import inspect
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from mirror_app import layers, render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import View, token_layout
from mirror_app.visualisations.core.base import Attribution, Visualisation
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

    The raw array (N, heads, h, w) is the class token's row of the attention weights, at the places of the picture: what
    is missing from a sum of 1 goes to the tokens without a place. A model without a class token is shown by the average
    of all rows. The layer is the last attention in the layer that is chosen, or else in the nearest one around it.
    Raises MirrorError for models without `nn.MultiheadAttention`.
    """

    look = staticmethod(render.tiles)

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        name = _attentions(self.view, inputs, layer)[-1]
        (weights,) = attention_weights(self.view, inputs, [name])
        yield Attribution(_from_class_token(self.view, weights, inputs, name), {"detail": f"the heads of {name}"})


@visualisation(
    "Attention rollout",
    paper="Abnar and Zuidema 2020, “Quantifying Attention Flow”, https://arxiv.org/abs/2005.00928",
    use="To get a single map of where a vision transformer's class token gets its information.",
    avoid="To compare classes: it is the same for all of them, and it ignores the values.",
    asks=Question.WHERE,
    also="attention map, attention flow, vision transformer, ViT",
)
class AttentionRollout(Visualisation):
    """Where the class token's information comes from, traced through all attention layers up to the chosen one.

    The raw array (N, h, w) is the class token's row of the product of all layers' (W + I) / 2, where W is the average
    of the heads and I stands for the residual connection: shares of 1. Neither the values nor the class enter it.
    """

    look = staticmethod(render.heat)
    uses_layer = False

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        names = _attentions(self.view, inputs, layer)
        flow: Tensor | None = None
        for weights in attention_weights(self.view, inputs, names):
            mixed = (weights.mean(1) + torch.eye(weights.shape[-1]).to(weights)) / 2
            flow = mixed if flow is None else mixed @ flow
        assert flow is not None
        note = f"From the picture up to '{names[-1]}'; it is the same for every class."
        yield Attribution(_from_class_token(self.view, flow[:, None], inputs, names[-1])[:, 0], {"note": note})


def attention_weights(view: View, inputs: Tensor, names: Sequence[str]) -> list[Tensor]:
    """Return the weights (N, heads, tokens, tokens) of the attention layers of those names; each row sums to 1.

    A model need not compute them: each layer is asked again for the weights, with what it was called with.
    """
    found = []
    for name, (positional, named) in view.layer_arguments(inputs, names).items():
        module = view.modules[name]
        called = inspect.signature(module.forward).bind(*positional, **named).arguments
        with torch.no_grad():
            _, weights = module(**{**called, "need_weights": True, "average_attn_weights": False})
        if weights.ndim != 4 or weights.shape[-1] != weights.shape[-2]:
            raise MirrorError(f"The layer '{name}' does not let the tokens of one picture look at each other.")
        found.append(widened(weights))
    return found


def _attentions(view: View, inputs: Tensor, layer: str) -> list[str]:
    """Return the attention layers that run up to the one meant by `layer`, in the order in which they run."""
    with torch.no_grad():
        view.record_calls(inputs[:1])
    running = sorted(view.calls, key=lambda name: view.calls[name].order)
    known = [name for name in running if isinstance(view.modules[name], nn.MultiheadAttention)]
    if not known:
        raise MirrorError(
            "The model has no attention over the whole picture (no nn.MultiheadAttention, as in a ViT; the windows of "
            "Swin and MaxViT see parts of it): take Grad-CAM, which shows where it sees a class."
        )
    around = layer
    while not (within := [name for name in known if f"{name}.".startswith(f"{around}." if around else "")]):
        around = layers.parent_of(around)
    return known[: known.index(within[-1]) + 1]


def _from_class_token(view: View, weights: Tensor, inputs: Tensor, name: str) -> Tensor:
    """Return the row of the class token in weights (N, heads, T, T), at the cells of the picture: (N, heads, h, w).

    The class token is the first that has no cell; without one it is the average of all rows.
    """

    def queries(pictures: Tensor) -> Tensor:
        positional, named = view.layer_arguments(pictures, [name])[name]
        tokens = positional[0] if positional else named["query"]
        return tokens if view.modules[name].batch_first else tokens.transpose(0, 1)

    layout = token_layout(view, inputs, f"the tokens of {name}", queries, queries(inputs))
    assert layout.positions is not None
    others = [token for token in range(weights.shape[-1]) if token not in set(layout.positions)]
    row = weights[..., others[0], :] if others else weights.mean(-2)
    return row[..., list(layout.positions)].unflatten(-1, layout.grid)
