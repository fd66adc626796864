"""Attention: softmax(Q Kᵀ / √d) by hand, what the layer itself says, and the product of the layers."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirror_app.probe import View
from mirror_app.visualisations.core import Attention, AttentionRollout
from mirror_app.visualisations.core.attention import attention_weights
from tests.families import swin, vit
from tests.networks import resnet18, state
from tests.refused import Fields, refused

PICTURES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LAYER = "encoder.layers.encoder_layer_1.self_attention"
BOUND = 1e-10


def received(model: nn.Module, layer: str) -> tuple[Tensor, Tensor]:
    """What a layer of attention was given, and what it gave."""
    taken: list[tuple[Tensor, Tensor]] = []

    def keep(_module: nn.Module, inputs: tuple[Tensor, ...], output: tuple[Tensor, None]) -> None:
        assert output[1] is None  # torchvision does not ask for the weights
        taken.append((inputs[0].detach(), output[0].detach()))

    handle = model.get_submodule(layer).register_forward_hook(keep)
    model(PICTURES)
    handle.remove()
    return taken[0]


def by_hand(module: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of each head (N, heads, L, L), and what they make of the values (N, L, C)."""
    projected = nn.functional.linear(tokens, module.in_proj_weight, module.in_proj_bias).detach()
    queries, keys, values = (
        part.unflatten(-1, (module.num_heads, module.head_dim)).transpose(1, 2) for part in projected.chunk(3, -1)
    )
    weights = (queries @ keys.mT / math.sqrt(module.head_dim)).softmax(-1)
    return weights, module.out_proj((weights @ values).transpose(1, 2).flatten(2)).detach()


def test_the_weights_are_the_softmax_of_queries_and_keys_and_give_the_layers_own_output() -> None:
    model = vit().double()
    tokens, output = received(model, LAYER)
    module: Any = model.get_submodule(LAYER)
    (found,) = attention_weights(View(model), PICTURES, [LAYER])
    expected, gathered = by_hand(module, tokens)
    assert found.shape == (2, 4, 17, 17)
    assert (found - expected).abs().max() <= BOUND
    assert (gathered - output).abs().max() <= BOUND
    _, asked = module(tokens, tokens, tokens, need_weights=True, average_attn_weights=False)
    assert (found - asked).abs().max() <= BOUND
    assert (found.sum(-1) - 1).abs().max() <= BOUND


def test_attention_is_the_class_tokens_row_at_the_places_of_the_picture() -> None:
    model = vit().double()
    (weights,) = attention_weights(View(model), PICTURES, [LAYER])
    images, info = Attention(model)(PICTURES, LAYER)
    assert torch.equal(info["raw"], weights[:, :, 0, 1:].reshape(2, 4, 4, 4))
    assert images.shape == (8, 3, 4, 4)
    assert info["detail"] == f"the heads of {LAYER}"


def test_rollout_is_the_product_of_the_layers_with_their_residuals() -> None:
    model = vit().double()
    names = [f"encoder.layers.encoder_layer_{number}.self_attention" for number in range(3)]
    flow = torch.eye(17, dtype=torch.float64).expand(2, -1, -1)
    for depth, (name, weights) in enumerate(zip(names, attention_weights(View(model), PICTURES, names), strict=True)):
        flow = (weights.mean(1) / 2 + torch.eye(17) / 2) @ flow
        found = AttentionRollout(model)(PICTURES, name)[1]["raw"]
        assert (found - flow[:, 0, 1:].reshape(2, 4, 4)).abs().max() <= BOUND, depth
        assert ((found.sum((1, 2)) + flow[:, 0, 0]) - 1).abs().max() <= BOUND


class Looking(nn.Module):
    """One head whose keys are the brightness of patches of 8, so that every token looks at the brightest."""

    def __init__(self, prefix: int, batch_first: bool = True) -> None:
        super().__init__()
        self.prefix = prefix
        self.patches = nn.Conv2d(1, 2, 8, 8, bias=False)
        self.attention = nn.MultiheadAttention(2, 1, bias=False, batch_first=batch_first)
        nn.init.constant_(self.patches.weight, 1 / 4)
        nn.init.ones_(self.attention.in_proj_weight)
        self.head = nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = self.patches(inputs).flatten(2).mT
        tokens = torch.cat([torch.ones(len(tokens), self.prefix, 2).to(tokens), tokens], 1)
        tokens = tokens if self.attention.batch_first else tokens.transpose(0, 1)
        # Here by position: key_padding_mask, need_weights.
        tokens = self.attention(tokens, tokens, tokens, None, False)[0]
        return self.head(tokens.mean(1 if self.attention.batch_first else 0))


@pytest.mark.parametrize("kind", [Attention, AttentionRollout])
@pytest.mark.parametrize("size", [(48, 80), (80, 48), (40, 40)])
@pytest.mark.parametrize("prefix", [0, 1, 3])
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_brightest_patch_is_looked_at(
    kind: type[Attention], size: tuple[int, int], prefix: int, batch_first: bool
) -> None:
    picture = torch.zeros(2, 1, *size)
    picture[0, :, 8:16, 16:24] = 1
    picture[1, :, 24:32, 32:40] = 1
    looked = kind(Looking(prefix, batch_first))(picture, "attention")[1]["raw"]
    looked = looked.reshape(2, size[0] // 8, size[1] // 8)
    assert [divmod(int(item.argmax()), size[1] // 8) for item in looked] == [(1, 2), (3, 4)]


@pytest.mark.parametrize(
    ("layer", "meant"),
    [
        (LAYER, 1),
        ("encoder.layers.encoder_layer_1", 1),
        ("encoder.layers.encoder_layer_1.mlp.0", 1),  # the nearest around it
        (f"{LAYER}.out_proj", 1),
        ("encoder.layers", 2),  # the last within it
        ("conv_proj", 2),
        ("", 2),
    ],
)
@pytest.mark.parametrize("kind", [Attention, AttentionRollout])
def test_a_layer_stands_for_the_attention_in_it_or_around_it(kind: type[Attention], layer: str, meant: int) -> None:
    model = vit()
    name = f"encoder.layers.encoder_layer_{meant}.self_attention"
    _, info = kind(model)(PICTURES.float(), layer)
    assert name in info["detail" if kind is Attention else "note"].replace("'", " ").split()
    assert torch.equal(info["raw"], kind(model)(PICTURES.float(), name)[1]["raw"])


@pytest.mark.parametrize("kind", [Attention, AttentionRollout])
def test_an_item_of_a_batch_is_the_item_alone_and_the_model_is_untouched(kind: type[Attention]) -> None:
    model = vit().double()
    before = state(model)
    batch = kind(model)(PICTURES, LAYER)[1]["raw"]
    for number in range(2):
        alone = kind(model)(PICTURES[number : number + 1], LAYER)[1]["raw"]
        assert (batch[number] - alone[0]).abs().max() <= 1e-12
    assert state(model) == before


class Crossed(nn.Module):
    """Tokens that look at something other than themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.words = nn.Parameter(torch.randn(1, 3, 2))

    def forward(self, inputs: Tensor) -> Tensor:
        words = self.words.expand(len(inputs), -1, -1)
        return self.attention(inputs[:, :2].flatten(2).mT, words, words)[0].mean(1)


class Words(nn.Module):
    """Tokens that look at one another, of which none has a place in the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.words = nn.Parameter(torch.randn(1, 9, 2))

    def forward(self, inputs: Tensor) -> Tensor:
        words = self.words * inputs.mean((1, 2, 3))[:, None, None]
        return self.attention(words, words, words)[0].mean(1)


@pytest.mark.parametrize(
    ("model", "pictures", "layer", "fields"),
    [
        (resnet18(), PICTURES, "layer4", {"accepted": "nn.MultiheadAttention", "hint": "Grad-CAM"}),
        (swin(), PICTURES, "features.1", {"accepted": "nn.MultiheadAttention", "hint": "Grad-CAM"}),
        (Crossed(), PICTURES[..., :4, :4], "attention", {"culprit": "attention", "hint": "choose another"}),
        (Words(), torch.randn(1, 1, 24, 24), "attention", {"culprit": "the tokens of attention"}),
    ],
)
@pytest.mark.parametrize("kind", [Attention, AttentionRollout])
def test_what_has_no_attention_over_the_picture_is_refused(
    kind: type[Attention], model: nn.Module, pictures: Tensor, layer: str, fields: Fields
) -> None:
    with refused(**fields):
        kind(model)(pictures.float(), layer)
