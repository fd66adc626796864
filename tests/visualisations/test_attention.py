"""Attention: softmax(Q Kᵀ / √d) by hand, the tokens' places, and what follows for the whole model."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app.probe import View
from mirror_app.probe.attention_calls import AttentionCall, attention_layers, reading_attention
from mirror_app.probe.attention_places import attention_places
from mirror_app.visualisations.core import Attention, AttentionRelevance, AttentionRollout, LeGrad, Visualisation
from mirror_app.visualisations.core.attention.reading import read_weights
from tests.families import maxvit, swin, vit
from tests.networks import resnet18, state
from tests.refused import Fields, refused

PICTURES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LAYER = "encoder.layers.encoder_layer_1.self_attention"
BOUND = 1e-10
EVERY: list[type[Visualisation]] = [Attention, AttentionRollout, LeGrad, AttentionRelevance]


class Explicit(nn.Module):
    """An `nn.MultiheadAttention` written out, which keeps its weights (N, heads, L, L) for gradients."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self.weights = torch.empty(0)

    def forward(self, query: Tensor, _key: Tensor, _value: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:
        module = self.module
        projected = F.linear(query, module.in_proj_weight, module.in_proj_bias)
        queries, keys, values = (
            part.unflatten(-1, (module.num_heads, module.head_dim)).transpose(1, 2) for part in projected.chunk(3, -1)
        )
        self.weights = (queries @ keys.mT / math.sqrt(module.head_dim)).softmax(-1)
        if self.weights.requires_grad:
            self.weights.retain_grad()
        return module.out_proj((self.weights @ values).transpose(1, 2).flatten(2)), None


def by_hand(model: nn.Module, target: int = 3) -> tuple[list[Tensor], list[Tensor]]:
    """The weights of each layer of a vision transformer, and the gradients of a logit, by explicit attention."""
    explicit = copy.deepcopy(model)
    blocks: Any = list(explicit.get_submodule("encoder.layers").children())
    for block in blocks:
        block.self_attention = Explicit(block.self_attention)
    explicit(PICTURES)[:, target].sum().backward()
    weights = [block.self_attention.weights for block in blocks]
    return [each.detach() for each in weights], [each.grad for each in weights if each.grad is not None]


def weights_of(model: nn.Module, numbers: list[int]) -> list[Tensor]:
    view = View(model)
    attention_layers(view, PICTURES[:1])
    return [weights.heads() for weights in read_weights(view, PICTURES, numbers)]


def test_the_weights_are_the_softmax_of_queries_and_keys() -> None:
    model = vit().double()
    for found, expected in zip(weights_of(model, [0, 1, 2]), by_hand(model)[0], strict=True):
        assert found.shape == (2, 4, 17, 17)
        assert (found - expected).abs().max() <= BOUND
        assert (found.sum(-1) - 1).abs().max() <= BOUND


def test_attention_is_the_class_tokens_row_at_the_places_of_the_picture() -> None:
    model = vit().double()
    (weights,) = weights_of(model, [1])
    images, info = Attention(model)(PICTURES, LAYER)
    assert torch.equal(info["raw"], weights[:, :, 0, 1:].reshape(2, 4, 4, 4))
    assert images.shape == (8, 3, 4, 4)
    assert info["detail"] == f"the heads of {LAYER}"
    assert info["deviation"] <= BOUND
    mean = Attention(model)(PICTURES, LAYER, heads="mean")[1]["raw"]
    assert torch.allclose(mean[:, 0], info["raw"].mean(1))


def test_a_place_is_asked_where_it_looks() -> None:
    model = vit().double()
    (weights,) = weights_of(model, [1])
    for place, token in (("0,0", 1), ("15,15", 1), ("16,15", 5), ("40,63", 12), ("63,63", 16)):
        _, info = Attention(model)(PICTURES, LAYER, location=place)
        assert torch.equal(info["raw"], weights[:, :, token, 1:].reshape(2, 4, 4, 4))
        assert info["detail"] == f"the heads of {LAYER} looking from {place}"
    for wrong in ("64,0", "0,64", "-1,0", "a,b", "5", "1,2,3"):
        with refused(culprit=wrong, accepted="row,column from 0,0 to 63,63"):
            Attention(model)(PICTURES, LAYER, location=wrong)


def test_rollout_is_the_product_of_the_layers_with_their_residuals() -> None:
    model = vit().double()
    flow = torch.eye(17, dtype=torch.float64).expand(2, -1, -1)
    for depth, weights in enumerate(weights_of(model, [0, 1, 2])):
        flow = (weights.mean(1) / 2 + torch.eye(17) / 2) @ flow
        found = AttentionRollout(model)(PICTURES, f"encoder.layers.encoder_layer_{depth}")[1]["raw"]
        assert (found - flow[:, 0, 1:].reshape(2, 4, 4)).abs().max() <= BOUND, depth
        assert ((found.sum((1, 2)) + flow[:, 0, 0]) - 1).abs().max() <= BOUND


@pytest.mark.parametrize("heads", ["mean", "max", "min"])
@pytest.mark.parametrize("discard", [0.0, 0.5, 0.9])
def test_rollout_fuses_the_heads_and_discards_the_smallest_weights(heads: str, discard: float) -> None:
    model = vit().double()
    flow = torch.eye(17, dtype=torch.float64).expand(2, -1, -1).clone()
    for weights in weights_of(model, [0, 1, 2]):
        for number, of_heads in enumerate(weights):
            fused = {"mean": of_heads.mean(0), "max": of_heads.max(0)[0], "min": of_heads.min(0)[0]}[heads]
            smallest = fused[:, 1:].flatten().sort()[0][: int(discard * 17 * 16)]
            kept = fused.clone()
            if len(smallest):
                kept[:, 1:][fused[:, 1:] <= smallest[-1]] = 0
            kept = kept / kept.sum(1, keepdim=True)
            flow[number] = (kept + torch.eye(17)) / 2 @ flow[number]
    found = AttentionRollout(model)(PICTURES, "", heads=heads, discard=discard)[1]["raw"]
    assert (found - flow[:, 0, 1:].reshape(2, 4, 4)).abs().max() <= BOUND


def test_le_grad_is_the_mean_of_the_positive_gradients_of_the_weights() -> None:
    model = vit().double()
    gradients = by_hand(model)[1]
    expected = torch.stack([gradient.relu().mean((1, 2))[:, 1:] for gradient in gradients]).mean(0)
    found = LeGrad(model)(PICTURES, target_class=3)[1]["raw"]
    assert expected.any()
    assert (found - expected.reshape(2, 4, 4)).abs().max() <= BOUND * expected.abs().max()


def test_attention_relevance_rolls_out_weights_times_gradients() -> None:
    model = vit().double()
    relevance = torch.eye(17, dtype=torch.float64).expand(2, -1, -1)
    for weights, gradient in zip(*by_hand(model), strict=True):
        relevance = relevance + (weights * gradient).relu().mean(1) @ relevance
    found = AttentionRelevance(model)(PICTURES, target_class=3)[1]["raw"]
    expected = relevance[:, 0, 1:].reshape(2, 4, 4)
    assert expected.any()
    assert (found - expected).abs().max() <= BOUND * expected.abs().max()


@pytest.mark.parametrize("kind", [LeGrad, AttentionRelevance])
def test_the_map_depends_on_the_target(kind: type[Visualisation]) -> None:
    one, other = (kind(vit().double())(PICTURES, target_class=target)[1]["raw"] for target in (1, 2))
    assert not torch.allclose(one, other, rtol=0.1)
    info = kind(vit().double())(PICTURES)[1]
    assert info["target_class"] == vit().double()(PICTURES).argmax(1).tolist()


# The forms in which models compute attention


def read(function: Any, *tensors: Tensor) -> AttentionCall:
    """The one attention operation of a function."""
    calls: list[AttentionCall] = []
    with reading_attention(View(nn.Identity()), QUERIES[:, :3], calls.append):
        function(*tensors)
    (call,) = calls
    return call


QUERIES, KEYS, VALUES = torch.randn(3, 2, 4, 9, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
EXPECTED = (QUERIES @ KEYS.mT / math.sqrt(8)).softmax(-1)
MASK = torch.rand(9, 9, generator=torch.Generator().manual_seed(2)) > 0.3
BIAS = torch.randn(9, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def masked(mask: Tensor) -> Tensor:
    return (QUERIES @ KEYS.mT / math.sqrt(8)).masked_fill(~mask, -torch.inf).softmax(-1)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (F.scaled_dot_product_attention, EXPECTED),
        (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=MASK), masked(MASK)),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, BIAS),
            (QUERIES @ KEYS.mT / math.sqrt(8) + BIAS).softmax(-1),
        ),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            masked(torch.ones(9, 9, dtype=torch.bool).tril()),
        ),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.5),
            (QUERIES @ KEYS.mT * 0.5).softmax(-1),
        ),
        (
            lambda q, k, v: F.scaled_dot_product_attention(q, k[:, :2], v[:, :2], enable_gqa=True),
            (QUERIES @ KEYS[:, [0, 0, 1, 1]].mT / math.sqrt(8)).softmax(-1),
        ),
        (lambda q, k, v: (q @ k.mT / math.sqrt(8)).softmax(-1) @ v, EXPECTED),
        (lambda q, k, v: torch.matmul(F.softmax(q / math.sqrt(8) @ k.mT, dim=3), v), EXPECTED),
        (lambda q, k, v: v.mT @ (q @ k.mT / math.sqrt(8)).softmax(dim=-1).mT, EXPECTED),
        (
            lambda q, k, v: torch.einsum(
                "bhqk,bhkd->bqhd", torch.softmax(torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(8), -1), v
            ),
            EXPECTED,
        ),
        (
            lambda q, k, v: F.dropout((q @ k.mT / math.sqrt(8)).softmax(-1), training=False).to(v.dtype) @ v,
            EXPECTED,
        ),
        (
            lambda q, k, v: torch.bmm((q @ k.mT / math.sqrt(8)).softmax(-1).flatten(0, 1), v.flatten(0, 1)),
            EXPECTED.flatten(0, 1),
        ),
    ],
    ids="fused mask bias causal scale grouped product matmul transposed einsum dropout bmm".split(),
)
def test_every_form_of_attention_is_read(function: Any, expected: Tensor) -> None:
    call = read(function, QUERIES, KEYS, VALUES)
    assert (call.weights - expected).abs().max() <= 1e-14
    assert call.deviation <= 1e-14
    leaf = QUERIES.clone().requires_grad_()
    call = read(function, leaf, KEYS, VALUES)
    assert call.weights.requires_grad


@pytest.mark.parametrize("need_weights", [False, True])
def test_multihead_attention_is_read_with_and_without_its_own_weights(need_weights: bool) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=True).double().eval()
    tokens = torch.randn(2, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        _, expected = module(tokens, tokens, tokens, average_attn_weights=False)
        call = read(lambda x: module(x, x, x, need_weights=need_weights), tokens)
    assert (call.weights.reshape(2, 2, 5, 5) - expected).abs().max() <= 1e-14
    assert call.queries is not None


def test_a_softmax_that_weights_nothing_is_no_attention() -> None:
    calls: list[AttentionCall] = []
    with reading_attention(View(nn.Identity()), QUERIES[:, :3], calls.append):
        probabilities = QUERIES.softmax(-1)
        (probabilities * 2).sum()
        QUERIES.softmax(2) @ KEYS.mT
        QUERIES @ KEYS.mT
    assert calls == []


# Where queries and keys lie


def moved(view: View, pictures: Tensor, number: int, patch: tuple[slice, slice]) -> Tensor:
    """How much the values of each key change with a patch of the picture, (h, w), as a share of the largest change."""
    generator = torch.Generator().manual_seed(4)
    changed = pictures.clone()
    changed[(..., *patch)] = torch.randn(changed[(..., *patch)].shape, generator=generator).to(pictures)
    calls: list[list[AttentionCall]] = []
    for inputs in (pictures, changed):
        calls.append([])
        with reading_attention(view, pictures, calls[-1].append):
            view.predict(inputs)
    before, after = (each[number].values for each in calls)
    energy = (after - before).pow(2).sum(-1)
    maps = attention_places(view, pictures, number).keys.maps(energy.unflatten(0, (1, -1))).sum(1)[0]
    return maps / maps.max()


@pytest.mark.parametrize("build", [vit, swin, maxvit])
@pytest.mark.parametrize("number", [0, 1])
def test_a_changed_patch_moves_the_keys_that_lie_in_it(build: Any, number: int) -> None:
    view = View(build().double())
    picture = PICTURES[:1]
    attention_layers(view, picture)
    for row in (0, 1):
        for column in (0, 1):
            patch = slice(32 * row + 8, 32 * row + 24), slice(32 * column + 8, 32 * column + 24)
            found = moved(view, picture, number, patch)
            height, width = found.shape
            down, across = divmod(int(found.argmax()), width)
            assert (down * 2 // height, across * 2 // width) == (row, column)
            quarters = found.unflatten(0, (2, height // 2)).unflatten(-1, (2, width // 2)).sum((1, 3))
            assert quarters[row, column] > 0.6 * found.sum()


@pytest.mark.parametrize(("number", "shift"), [(0, 0), (1, 2)])
def test_windows_lie_where_the_model_shifts_them(number: int, shift: int) -> None:
    model = swin().double()  # 16 x 16 patches of 4 pixels, in windows of 4 x 4, shifted by 2 in every second layer
    name = f"features.1.{number}.attn"
    places = [(row, column) for row in (0, 5, 10, 15) for column in (1, 6, 11, 14)]
    for row, column in places:
        raw = Attention(model)(PICTURES[:1], name, location=f"{4 * row},{4 * column}")[1]["raw"].sum(1)[0]
        assert raw.shape == (16, 16)
        of_row, of_column = (
            (torch.arange(16) - shift) % 16 // 4 == (place - shift) % 16 // 4 for place in (row, column)
        )
        window = of_row[:, None] & of_column
        assert (raw[~window] == 0).all()
        seen = raw[window].view(-1)
        assert raw[row, column] > 0
        assert seen.sum() == pytest.approx(model.get_submodule(name).num_heads)


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
    kind: type[Visualisation], size: tuple[int, int], prefix: int, batch_first: bool
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
def test_a_layer_stands_for_the_attention_in_it_or_around_it(kind: type[Visualisation], layer: str, meant: int) -> None:
    model = vit()
    name = f"encoder.layers.encoder_layer_{meant}.self_attention"
    _, info = kind(model)(PICTURES.float(), layer)
    assert name in info["detail" if kind is Attention else "note"].replace("'", " ").split()
    assert torch.equal(info["raw"], kind(model)(PICTURES.float(), name)[1]["raw"])


class Registers(nn.Module):
    """A transformer with a class token between two registers. Its answer is read from this token or the patches."""

    def __init__(self, reads: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.reads = reads
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.prefix = nn.Parameter(torch.randn(1, 3, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = self.patches(inputs).flatten(2).mT
        tokens = torch.cat([self.prefix.expand(len(tokens), -1, -1), tokens], 1)
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return self.head(tokens[:, 1] if self.reads == "the second" else tokens[:, 3:].mean(1))


def test_registers_are_not_taken_for_the_class_token() -> None:
    inputs = torch.randn(1, 3, 32, 40)
    for reads, row in (("the second", 1), ("patches", None)):
        model = Registers(reads).eval()
        view = View(model)
        attention_layers(view, inputs)
        (weights,) = read_weights(view, inputs, [0])
        expected = weights.values.mean(-2) if row is None else weights.values[..., row, :]
        found = Attention(model)(inputs, "attention")[1]
        assert torch.equal(found["raw"], expected[:, 0, :, 3:].reshape(1, 2, 4, 5))
        assert found["detail"].endswith("from all locations") is (row is None)


# What every method keeps to


@pytest.mark.parametrize("kind", EVERY)
def test_an_item_of_a_batch_is_the_item_alone_and_the_model_is_untouched(kind: type[Visualisation]) -> None:
    model = vit().double()
    before = state(model)
    batch = kind(model)(PICTURES, LAYER)[1]["raw"]
    for number in range(2):
        alone = kind(model)(PICTURES[number : number + 1], LAYER)[1]["raw"]
        assert (batch[number] - alone[0]).abs().max() <= 1e-12 * max(1, batch.abs().max())
    assert state(model) == before


@pytest.mark.parametrize("kind", EVERY)
def test_threads_do_not_read_each_others_attention(kind: type[Visualisation]) -> None:
    models = [vit().float(), swin().float() if kind in (Attention, LeGrad) else vit(2)]
    expected = [kind(model)(PICTURES.float())[1]["raw"] for model in models]

    def run(number: int) -> bool:
        return torch.equal(kind(models[number % 2])(PICTURES.float())[1]["raw"], expected[number % 2])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(32)))


class Cascade(nn.Module):
    """Two heads in one module, of which the second reads what the first has returned; their queries are all mixed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, 16, 16)
        self.heads = TwoHeads()
        self.classifier = nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.heads(self.patches(inputs)).mean((2, 3)))
        return scores


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Linear(16, 16)

    def forward(self, maps: Tensor) -> Tensor:
        channels = maps.flatten(2)
        first = channels[:, :4]
        first = first @ (self.queries(first).mT @ first).softmax(-1).mT
        second = channels[:, 4:] + first
        second = second @ (self.queries(second).mT @ second).softmax(-1).mT
        return torch.cat([first, second], 1).unflatten(2, maps.shape[2:])


def test_of_several_operations_in_a_layer_each_is_placed_and_read_from_all_queries_if_none_has_a_place() -> None:
    model = Cascade()
    view, picture = View(model), PICTURES[:1].float()
    calls: list[AttentionCall] = []
    with torch.no_grad(), reading_attention(view, picture, calls.append):
        view.predict(picture)
    for number in range(2):
        places = attention_places(view, picture, number)
        assert (places.keys.grid, places.keys.positions, places.queries) == ((4, 4), tuple(range(16)), None)
    raw = Attention(model)(picture, "heads")[1]["raw"]
    assert torch.allclose(raw, calls[1].weights.mean(-2).view(1, 4, 4))


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


class Channels(nn.Module):
    """Cross-covariance attention: channels look at channels."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Identity()
        self.patches = nn.Conv2d(3, 16, 8, 8)

    def forward(self, inputs: Tensor) -> Tensor:
        channels = self.mix(self.patches(inputs).flatten(2))
        return ((channels @ channels.mT).softmax(-1) @ channels).mean(2)


@pytest.mark.parametrize(
    ("model", "pictures", "layer", "fields"),
    [
        (resnet18(), PICTURES, "layer4", {"accepted": "attention with a softmax", "hint": "Grad-CAM"}),
        (Crossed(), PICTURES[..., :4, :4], "attention", {"culprit": "attention", "hint": "another layer"}),
        (Words(), torch.randn(1, 1, 24, 24), "attention", {"culprit": "attention", "hint": "another layer"}),
        (Channels(), PICTURES, "mix", {"accepted": "attention between locations of the picture"}),
    ],
)
@pytest.mark.parametrize("kind", EVERY)
def test_what_has_no_attention_over_the_picture_is_refused(
    kind: type[Visualisation], model: nn.Module, pictures: Tensor, layer: str, fields: Fields
) -> None:
    with refused(**fields):
        kind(model)(pictures.float(), layer)


@pytest.mark.parametrize("kind", [AttentionRollout, AttentionRelevance])
@pytest.mark.parametrize("build", [swin, maxvit])
def test_what_changes_its_tokens_is_not_rolled_out(kind: type[Visualisation], build: Any) -> None:
    with refused(accepted="attention among the same tokens", hint="LeGrad"):
        kind(build())(PICTURES.float())
