"""AttnLRP and CP-LRP: equal to LXT, to closed forms, and to explicit attention with the gradients changed by hand."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app.visualisations.core import LRP
from mirror_app.visualisations.core.relevance import lrp, nonlinear, rules
from mirror_app.visualisations.core.relevance.canonical import Composite
from tests import ROOT, conservation
from tests.families import convnext, maxvit, mobilenet, swin, vit
from tests.modern import TIMM, TRANSFORMERS, of_timm, of_transformers
from tests.networks import state
from tests.refused import refused
from tests.visualisations import lxt_reference

BOTH = ("attnlrp", "cp-lrp")
PICTURES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.minutes
def test_cp_lrp_is_lxts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "reference.pt"
    command = [sys.executable, "-W", "ignore", "-m", "tests.visualisations.lxt_reference", str(file)]
    subprocess.run(command, check=True, cwd=ROOT)
    method, picture = LRP(lxt_reference.model()), lxt_reference.picture()
    for gamma, (map_, logit) in torch.load(file).items():
        # Theirs has γ in convolutions only.
        composite = Composite(rules.gamma(gamma), rules.epsilon(0), nonlinear="cp-lrp")
        monkeypatch.setattr(lrp, "composites", lambda _epsilon, _gamma, composite=composite: {"cp-lrp": composite})
        _, info = method(picture, None, rule="cp-lrp", target_class=lxt_reference.TARGET)
        assert map_.any()
        assert (info["raw"] - map_).abs().max() <= 1e-5 * map_.abs().max()
        assert info["conservation"] == pytest.approx([float(map_.sum() / logit)], abs=1e-5)


class Block(nn.Module):
    """A transformer block written out; with `rules`, its gradient is what the rules say, by `detach` alone."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(size) for _ in range(2)])
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.up, self.down = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.rules: str = ""

    def norm(self, norm: Any, tokens: Tensor) -> Tensor:
        if not self.rules:
            return norm(tokens)
        centred = tokens - tokens.mean(-1, keepdim=True)
        deviation = (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
        return centred / deviation.detach() * norm.weight + norm.bias

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        if self.rules != "attnlrp":
            return left @ right
        return left @ right.detach() / 2 + left.detach() @ right / 2

    def forward(self, tokens: Tensor) -> Tensor:
        parts = self.qkv(self.norm(self.norms[0], tokens)).chunk(3, -1)
        queries, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        if self.rules:
            weights = (self.product(queries, keys.mT) / math.sqrt(queries.shape[-1])).softmax(-1)
            attended = self.product(weights.detach() if self.rules == "cp-lrp" else weights, values)
        else:
            attended = F.scaled_dot_product_attention(queries, keys, values)
        tokens = tokens + self.out(attended.transpose(1, 2).flatten(2))
        hidden = self.up(self.norm(self.norms[1], tokens))
        active = F.gelu(hidden)
        return tokens + self.down(hidden * (active / hidden).detach() if self.rules else active)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 12, 16, 16)
        self.blocks = nn.Sequential(Block(12, 3), Block(12, 3))
        self.head = nn.Linear(12, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.head(self.blocks(self.patches(inputs).flatten(2).mT).mean(1))
        return scores


@pytest.mark.parametrize("rule", BOTH)
def test_without_gamma_it_is_the_input_times_a_gradient_that_is_changed_by_detaching(rule: str) -> None:
    model, by_hand = Small().double().eval(), Small().double().eval()
    for block in (by_hand.blocks[0], by_hand.blocks[1]):
        assert isinstance(block, Block)
        block.rules = rule
    inputs = PICTURES.clone().requires_grad_()
    assert torch.allclose(by_hand(inputs), model(inputs))
    by_hand(inputs)[:, 2].sum().backward()
    assert inputs.grad is not None
    expected = (inputs * inputs.grad).sum(1).detach()
    found = LRP(model)(PICTURES, None, rule=rule, gamma=0.0, target_class=2)[1]["raw"]
    assert (found - expected).abs().max() <= 1e-10 * expected.abs().max()


# The rules, one by one


def relevance(function: Callable[..., Tensor], *inputs: Tensor) -> tuple[list[Tensor], Tensor]:
    """The relevance of each input, if each output has its own value as relevance; and the outputs."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    outputs = function(*leaves)
    gradients = torch.autograd.grad(outputs.sum(), leaves)
    return [leaf.detach() * gradient for leaf, gradient in zip(leaves, gradients, strict=True)], outputs.detach()


VALUES = torch.randn(4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
OTHERS = torch.randn(4, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


@pytest.mark.parametrize("function", sorted(nonlinear.ACTIVATIONS, key=str), ids=lambda function: function.__name__)
def test_an_activation_passes_all_relevance_on(function: Callable[..., Tensor]) -> None:
    (passed,), outputs = relevance(lambda values: nonlinear.activation(function, values), VALUES)
    assert torch.equal(outputs, function(VALUES))
    assert torch.allclose(passed, outputs, atol=1e-14)


@pytest.mark.parametrize("function", [torch.mul, lambda left, right: left @ right.mT], ids=["gate", "matrices"])
def test_a_product_of_two_activations_gives_half_to_each(function: Callable[..., Tensor]) -> None:
    (left, right), outputs = relevance(lambda *both: nonlinear.bilinear(function, *both), VALUES, OTHERS)
    assert torch.allclose(outputs, function(VALUES, OTHERS))
    assert left.sum() == pytest.approx(float(outputs.sum()) / 2)
    assert right.sum() == pytest.approx(float(outputs.sum()) / 2)


@pytest.mark.parametrize(
    ("ruled", "plain"),
    [
        (lambda x: nonlinear.layer_norm(x, (6,)), lambda x: F.layer_norm(x, (6,))),
        (lambda x: nonlinear.rms_norm(x, (6,)), lambda x: F.rms_norm(x, (6,))),
        (lambda x: nonlinear.group_norm(x[:, :, None], 3)[..., 0], lambda x: F.group_norm(x[:, :, None], 3)[..., 0]),
        (lambda x: nonlinear.normalize(x), lambda x: F.normalize(x)),
    ],
    ids=["layer", "rms", "group", "length"],
)
def test_a_norm_passes_all_relevance_on(ruled: Callable[..., Tensor], plain: Callable[..., Tensor]) -> None:
    (passed,), outputs = relevance(ruled, VALUES)
    assert torch.allclose(outputs, plain(VALUES))
    assert passed.sum() == pytest.approx(float(outputs.sum()))


def test_a_norm_has_its_weight_and_its_bias() -> None:
    weight, bias = torch.rand(2, 6, dtype=torch.float64)
    assert torch.allclose(nonlinear.layer_norm(VALUES, (6,), weight, bias), F.layer_norm(VALUES, (6,), weight, bias))
    assert torch.allclose(nonlinear.rms_norm(VALUES, (6,), weight), F.rms_norm(VALUES, (6,), weight))
    maps = VALUES[:, :, None, None]
    assert torch.allclose(nonlinear.group_norm(maps, 2, weight, bias), F.group_norm(maps, 2, weight, bias))


def test_a_softmax_gives_each_input_what_attn_lrp_says() -> None:
    probabilities = VALUES.softmax(-1)
    (found,), _ = relevance(lambda x: x.softmax(-1), VALUES)
    expected = VALUES * (probabilities - probabilities * probabilities.sum(-1, keepdim=True))
    assert torch.allclose(found, expected, atol=1e-15)
    weighted = OTHERS  # of any relevance: R_i = x_i (R_i - s_i Σ R)
    leaf = VALUES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(leaf.softmax(-1), leaf, weighted / probabilities)
    assert torch.allclose(VALUES * gradient, VALUES * (weighted - probabilities * weighted.sum(-1, keepdim=True)))


# Families


def unbiased(model: nn.Module) -> nn.Module:
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


@pytest.mark.parametrize("rule", BOTH)
@pytest.mark.parametrize("gamma", [0.0, 0.25])
@pytest.mark.parametrize("build", [convnext, mobilenet])
def test_without_attention_and_biases_nothing_is_lost(build: Callable[[], nn.Module], gamma: float, rule: str) -> None:
    info = LRP(unbiased(build()).double())(PICTURES, None, rule=rule, gamma=gamma, target_class=1)[1]
    assert info["conservation"] == pytest.approx([1, 1], abs=1e-6)


TORCHVISION: dict[str, Callable[[], nn.Module]] = {
    "ViT": vit,
    "Swin": swin,
    "MaxViT": maxvit,
    "ConvNeXt": convnext,
    "MobileNetV3": mobilenet,
    "EfficientNet": lambda: torchvision.models.efficientnet_b0(num_classes=5).eval(),
    "RegNet": lambda: torchvision.models.regnet_y_400mf(num_classes=5).eval(),
}
FAMILIES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    **{f"torchvision {name}": (build, 64) for name, build in TORCHVISION.items()},
    **{
        f"timm {name}": (lambda name=name: of_timm(name), TIMM[name])  # type: ignore[misc]
        for name in ("deit3_small_patch16_224", "vit_small_patch14_reg4_dinov2", "mobilenetv4_conv_small")
    },
    **{
        f"Transformers {name}": (lambda name=name: of_transformers(name), TRANSFORMERS[name][2])  # type: ignore[misc]
        for name in ("ViT", "Dinov2", "Swin", "ConvNext", "Siglip")
    },
}


@pytest.mark.minutes
@pytest.mark.parametrize("rule", BOTH)
@pytest.mark.parametrize(("build", "side"), FAMILIES.values(), ids=FAMILIES)
def test_relevance_goes_through_networks_of_today(build: Callable[[], nn.Module], side: int, rule: str) -> None:
    model = build().double()
    inputs = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    before = state(model)
    info = LRP(model)(inputs, None, rule=rule, target_class=1)[1]
    assert info["raw"].any()
    assert info["raw"].isfinite().all()
    alone = LRP(model)(inputs[1:], None, rule=rule, target_class=1)[1]["raw"]
    assert (info["raw"][1] - alone[0]).abs().max() <= 1e-6 * alone.abs().max()
    assert state(model) == before


def test_the_other_rules_name_the_rule_that_works() -> None:
    with refused(hint="attnlrp"):
        LRP(vit().double())(PICTURES)


@pytest.mark.parametrize("name", ["maxvit_rmlp_pico_rw_256", "vit_tiny_patch16_224", "mobilenetv4_conv_small"])
def test_cp_lrp_conserves_the_score_where_nothing_but_the_picture_adds_to_it(name: str) -> None:
    model = conservation.model_of(name)
    assert float(conservation.conserved(model, conservation.SIDES.get(name, 224), "cp-lrp")) == pytest.approx(
        1, abs=1e-3
    )


@pytest.mark.parametrize("before", [nn.GELU(), nn.AvgPool2d(2)], ids=["after GELU", "after pooling"])
@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
def test_a_batch_norm_that_follows_no_linear_layer_conserves_relevance(rule: str, before: nn.Module) -> None:
    torch.manual_seed(0)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2, bias=False)
    model = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), before, nn.BatchNorm2d(8), *head).double().eval()
    picture = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    _, info = LRP(model)(picture, None, rule=rule, gamma=0.0, target_class=0)
    assert info["raw"].sum().item() == pytest.approx(model(picture)[0, 0].item(), rel=1e-5)
