"""Layer-wise relevance propagation: the rules by hand, equal to zennit and captum, conserving, and on the object."""

import copy
import math
from collections.abc import Callable, Iterable
from functools import partial

import captum.attr
import numpy as np
import pytest
import torch
import torchvision
import zennit.composites as zc
import zennit.rules as zr
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.vgg import make_layers
from zennit.attribution import Gradient
from zennit.canonizers import Canonizer
from zennit.torchvision import ResNetCanonizer, VGGCanonizer
from zennit.types import Linear as AnyLinear

from mirror_app.bundled import dataset, scenes
from mirror_app.models import catalogue
from mirror_app.probe import View, default_layer
from mirror_app.visualisations.core import LRP
from mirror_app.visualisations.core.relevance import rules
from mirror_app.visualisations.core.relevance.lrp import composites
from tests.networks import Functional, Tricky, bundled, densenet, resnet18, squeezenet, state
from tests.refused import Fields, refused

Build = Callable[[], nn.Module]
RULES = tuple(name for name, composite in composites(0, 0).items() if not composite.nonlinear)
PICTURE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
PICTURES = torch.randn(2, 3, 48, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
BOUND = 1e-10


def raw(model: nn.Module, inputs: Tensor, layer: str = "", **params: object) -> Tensor:
    found: Tensor = LRP(model)(inputs, layer, **params)[1]["raw"]
    return found


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, as a share of the largest number of theirs."""
    assert theirs.any()
    assert ours.shape == theirs.shape
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max())


def shaken(model: nn.Module, biased: bool = True) -> nn.Module:
    """The model with batch norms far from the identity; without biases, none is left once they are merged."""
    source = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0  # zennit merges a batch norm and leaves the identity divided by √(1 + eps)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3, generator=source)
            module.running_var.uniform_(0.5, 2, generator=source)
            nn.init.normal_(module.weight, 1, 0.5, generator=source)
            nn.init.normal_(module.bias, 0, 0.3, generator=source)
            if not biased:
                module.bias.data = module.weight.data * module.running_mean / module.running_var.sqrt()
        elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None and not biased:
            nn.init.zeros_(module.bias)
    return model.eval().double()


class Vgg(nn.Module):
    """torchvision's features of the smallest VGG with a quarter of the channels, and a small head."""

    def __init__(self, norms: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = make_layers([16, "M", 32, "M", 64, 64, "M", 128, 128, "M", 128, 128, "M"], batch_norm=norms)
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10))
        self.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.head(self.pool(self.features(inputs)).flatten(1))
        return scores


def resnet_of_bottlenecks() -> nn.Module:
    torch.manual_seed(5)
    return ResNet(Bottleneck, [2, 1, 1, 1], num_classes=10).eval()


# A rule is compared with a sum over all pairs of input and output, written as in the papers.


def by_hand(inputs: Tensor, weight: Tensor, bias: Tensor, relevance: Tensor, name: str) -> Tensor:
    """The relevance of inputs (n,) of a dense layer, given that of its outputs (m,)."""
    low, high = float(inputs.min()), float(inputs.max())
    found = torch.zeros_like(inputs)
    for j, row in enumerate(weight):
        products = [float(x * w) for x, w in zip(inputs, row, strict=True)]
        b = float(bias[j])
        z = sum(products) + b
        for shares, share in shares_by_hand(name, products, b, z, [float(w) for w in row], inputs.tolist(), low, high):
            for i, part in enumerate(shares):
                found[i] += share * part * relevance[j]
    return found


def shares_by_hand(
    name: str, products: list[float], b: float, z: float, row: list[float], inputs: list[float], low: float, high: float
) -> Iterable[tuple[list[float], float]]:
    def of(counted: list[float], bias: float) -> list[float]:
        return [part / (sum(counted) + bias) for part in counted]

    above, below = [max(p, 0) for p in products], [min(p, 0) for p in products]
    if name == "epsilon":
        yield [p / (z + math.copysign(0.25, z)) for p in products], 1
    elif name == "z-plus":
        yield of(above, max(b, 0)), 1
    elif name == "alpha-beta":
        yield of(above, max(b, 0)), 2
        yield of(below, min(b, 0)), -1
    elif name == "gamma":
        grown, part = (above, max(b, 0)) if z > 0 else (below, min(b, 0))
        yield of([p + 0.5 * g for p, g in zip(products, grown, strict=True)], b + 0.5 * part), 1
    elif name == "flat":
        yield [1 / len(products)] * len(products), 1
    else:
        yield of([x * w - low * max(w, 0) - high * min(w, 0) for x, w in zip(inputs, row, strict=True)], 0), 1


ALL = {
    "epsilon": rules.epsilon(0.25), "z-plus": rules.z_plus, "alpha-beta": rules.alpha_beta, "gamma": rules.gamma(0.5),
    "flat": rules.flat, "box": rules.box,
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("signed", [True, False])
def test_a_rule_is_its_sum_over_all_pairs(name: str, signed: bool) -> None:
    source = torch.Generator().manual_seed(2)
    draw = partial(torch.randn, generator=source, dtype=torch.float64)
    inputs, weight, bias, relevance = draw(3, 7), draw(5, 7), draw(5), draw(3, 5)
    inputs = inputs if signed else inputs.abs()
    leaf = inputs.clone().requires_grad_()
    layer = rules.Linear(leaf, F.linear(leaf, weight, bias), F.linear, weight, bias)
    expected = [by_hand(x, weight, bias, r, name) for x, r in zip(inputs, relevance, strict=True)]
    assert difference(ALL[name](layer, relevance), torch.stack(expected)) <= BOUND


class Blocks(nn.Module):
    """Two convolutions, 1 x 1 and without bias, whose maps are added, pooled, and weighted."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False)
        self.pool, self.last = pool, nn.Linear(1, 1, bias=False)
        for layer, value in ((self.one, 2.0), (self.two, 3.0), (self.last, 5.0)):
            nn.init.constant_(layer.weight, value)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.one(inputs)
        scores: Tensor = self.last(self.pool(F.relu(maps + self.two(maps))).flatten(1))
        return scores


def test_sums_share_by_what_was_added_and_pools_by_what_was_pooled() -> None:
    inputs = torch.tensor([[1.0, 2.0], [-4.0, 3.0]])[None, None]  # × 2, + 3 times that: 8, 16, nothing, 24
    average, largest = Blocks(nn.AdaptiveAvgPool2d(1)), Blocks(nn.MaxPool2d(2))
    assert torch.equal(raw(average, inputs, rule="epsilon", epsilon=0), torch.tensor([[[10.0, 20.0], [0.0, 30.0]]]))
    assert torch.equal(raw(largest, inputs, rule="epsilon", epsilon=0), torch.tensor([[[0.0, 0.0], [0.0, 120.0]]]))
    branch = raw(average, inputs, "two", at="the layer", rule="epsilon", epsilon=0)  # three quarters of each sum
    assert torch.equal(branch, torch.tensor([[[7.5, 15.0], [0.0, 22.5]]]))


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        *((build, rule) for build in (Vgg, resnet18) for rule in RULES),
        (resnet_of_bottlenecks, "epsilon"),
        (resnet_of_bottlenecks, "epsilon-plus"),
    ],
)
def test_relevance_is_zennits(build: Build, rule: str) -> None:
    canonizer: Canonizer = VGGCanonizer() if build is Vgg else ResNetCanonizer()
    tiny = 1e-40  # ours divides by what is, where zennit adds 1e-6
    low, high = PICTURE.amin((2, 3), keepdim=True), PICTURE.amax((2, 3), keepdim=True)
    ends = {"epsilon": 1e-9, "stabilizer": tiny, "canonizers": [canonizer]}

    def single(hook: object) -> zc.Composite:
        return zc.LayerMapComposite([*zc.layer_map_base(tiny), (AnyLinear, hook)], canonizers=[canonizer])

    theirs = {
        "epsilon-plus": zc.EpsilonPlus(**ends),
        "epsilon-plus-flat": zc.EpsilonPlusFlat(**ends),
        "epsilon-gamma-box": zc.EpsilonGammaBox(low, high, **ends),
        "epsilon": single(zr.Epsilon(0.02)),
        "gamma": single(zr.Gamma(0.25, stabilizer=tiny)),
        "z-plus": single(zr.ZPlus(stabilizer=tiny)),
        "alpha-beta": single(zr.AlphaBeta(2, 1, stabilizer=tiny)),
    }[rule]
    model = shaken(build())
    ours = raw(model, PICTURE, rule=rule, epsilon=0.02, target_class=3)
    only = torch.eye(10, dtype=torch.float64)[3]
    with Gradient(model, theirs, attr_output=lambda output: output * only) as attributor:
        expected = attributor(PICTURE.clone())[1].sum(1)
    assert difference(ours, expected) <= BOUND


@pytest.mark.parametrize("build", [partial(Vgg, norms=False), squeezenet], ids=["vgg", "squeezenet"])
def test_the_epsilon_rule_is_captums(build: Build) -> None:
    model = build().double()
    ours = raw(copy.deepcopy(model), PICTURE, rule="epsilon", epsilon=0.02, target_class=3)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d | nn.AdaptiveAvgPool2d):
            linear = isinstance(module, nn.Conv2d | nn.Linear)
            module.rule = EpsilonRule(0.02 if linear else 1e-40)
    expected = captum.attr.LRP(model).attribute(PICTURE.clone().requires_grad_(), target=3)
    assert difference(ours, expected.sum(1).detach()) <= BOUND


@pytest.mark.parametrize("build", [Vgg, resnet18, densenet, squeezenet, bundled])
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "alpha-beta"])
def test_without_biases_nothing_is_lost(build: Build, rule: str) -> None:
    model = shaken(build(), biased=False)
    for layer, at in (("", "the picture"), ("features.3" if build is squeezenet else "", "the layer")):
        info = LRP(model)(PICTURES, layer, rule=rule, epsilon=0.0, at=at)[1]
        assert info["conservation"] == pytest.approx([1, 1], abs=1e-4)
        assert "adds up" not in info["note"]


def wide_resnet18() -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model.eval()


@pytest.mark.parametrize("build", [Vgg, wide_resnet18, bundled])
def test_alpha_beta_loses_nothing_where_each_output_has_products_of_both_signs(build: Build) -> None:
    info = LRP(shaken(build(), biased=False))(PICTURES, "", rule="alpha-beta")[1]
    assert info["conservation"] == pytest.approx([1, 1], abs=1e-4)


def test_what_biases_take_is_said() -> None:
    info = LRP(bundled())(PICTURES.float(), "")[1]
    assert all(abs(share - 1) > 0.1 for share in info["conservation"])
    assert "of the logit: biases" in info["note"]
    totals = info["raw"].sum((1, 2)) / bundled()(PICTURES.float()).amax(1)
    assert info["conservation"] == pytest.approx(totals.tolist(), rel=1e-3)


@pytest.mark.parametrize("rule", RULES)
def test_functions_and_work_in_place_give_what_modules_give(rule: str) -> None:
    tricky = Tricky().double()
    for at, layer, other in (("the picture", "", ""), ("the layer", "early", "tricky.early")):
        ours = raw(tricky, PICTURES, layer, at=at, rule=rule, target_class=1)
        assert difference(ours, raw(Functional(tricky), PICTURES, other, at=at, rule=rule, target_class=1)) <= BOUND


class Stage(nn.Module):
    """A residual block on modules, or on functions that work in place, with its batch norms merged or not."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.conv, self.norm = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.dense, self.dense_norm, self.last = nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 4)
        self.relu = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.relu(self.stem(inputs))
        maps = self.relu(self.norm(self.conv(maps)) + maps)
        scores: Tensor = self.last(self.relu(self.dense_norm(self.dense(maps.mean((2, 3))))))
        return scores


class ByFunctions(Stage):
    def forward(self, inputs: Tensor) -> Tensor:
        maps = F.conv2d(input=inputs, weight=self.stem.weight, bias=self.stem.bias, padding="same").relu_()
        more = F.conv2d(maps, self.conv.weight, None, (1, 1), 1)
        norm = self.norm
        more = F.batch_norm(more, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.1, norm.eps)
        more += maps
        means = F.adaptive_avg_pool2d(F.relu(more, inplace=True), 1).flatten(1)
        norm1 = self.dense_norm
        dense = F.linear(means, self.dense.weight, self.dense.bias)
        dense = F.batch_norm(dense, norm1.running_mean, norm1.running_var, norm1.weight, norm1.bias, eps=norm1.eps)
        return F.linear(torch.relu(dense), self.last.weight, bias=self.last.bias)


@pytest.mark.parametrize("rule", RULES)
def test_modules_functions_and_merged_batch_norms_are_one(rule: str) -> None:
    model = shaken(Stage())
    nn.init.uniform_(model.dense_norm.running_var, 0.5, 2)  # type: ignore[arg-type, union-attr]
    functions, merged = ByFunctions().eval().double(), copy.deepcopy(model)
    functions.load_state_dict(model.state_dict())
    functions.norm.eps = 0.0
    merged.conv, merged.norm = fuse_conv_bn_eval(merged.conv, merged.norm), nn.Identity()  # type: ignore[arg-type, type-var]
    merged.dense = nn.utils.fusion.fuse_linear_bn_eval(merged.dense, merged.dense_norm)  # type: ignore[arg-type, type-var]
    merged.dense_norm = nn.Identity()
    expected = raw(merged, PICTURES, rule=rule)
    for other in (model, functions):
        assert difference(raw(other, PICTURES, rule=rule), expected) <= BOUND


@pytest.mark.parametrize("rule", ["epsilon", "z-plus"])
def test_a_batch_norm_before_a_convolution_is_a_convolution_of_its_own(rule: str) -> None:
    torch.manual_seed(7)
    norm = nn.BatchNorm2d(4)
    ends = nn.Sequential(
        nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)
    )
    first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    lone = shaken(nn.Sequential(first, norm, ends))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.data / norm.running_var.sqrt()
    conv = nn.Conv2d(4, 4, 1, groups=4).double()
    conv.weight.data = scale.reshape(4, 1, 1, 1)
    conv.bias.data = norm.bias.data - scale * norm.running_mean  # type: ignore[union-attr]
    expected = raw(nn.Sequential(first, conv, ends), PICTURES, rule=rule, target_class=1)
    assert difference(raw(lone, PICTURES, rule=rule, target_class=1), expected) <= BOUND


@pytest.mark.parametrize("rule", RULES)
def test_a_batch_norm_that_does_nothing_changes_nothing(rule: str) -> None:
    torch.manual_seed(8)
    first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    ends = nn.Sequential(nn.Conv2d(4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3))
    model = nn.Sequential(first, nn.BatchNorm2d(4, eps=0), ends).eval().double()
    plain = nn.Sequential(first, ends)
    assert (
        difference(raw(model, PICTURES, rule=rule, epsilon=0.0), raw(plain, PICTURES, rule=rule, epsilon=0.0)) <= BOUND
    )


class Stems(nn.Module):
    """Two layers that see the picture, and a way around them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(9)
        self.one, self.two = nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(3, 4, 3, bias=False)
        self.last = nn.Linear(11, 3, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = torch.cat([F.relu(self.one(inputs)), F.relu(self.two(inputs)), inputs[..., 1:-1, 1:-1]], 1)
        scores: Tensor = self.last(maps.mean((2, 3)))
        return scores


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_lost_where_several_ways_begin_at_the_picture(rule: str) -> None:
    info = LRP(Stems().double())(PICTURES, "", rule=rule, epsilon=0.0)[1]
    assert info["conservation"] == pytest.approx([1, 1], abs=1e-4)


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "z-plus", "alpha-beta"])
def test_relevance_at_a_layer_is_that_of_the_layer_as_a_picture(rule: str) -> None:
    model = shaken(Vgg())
    assert isinstance(model, Vgg)
    above = nn.Sequential(model.features[11:], model.pool, nn.Flatten(), model.head)
    expected = raw(above, model.features[:11](PICTURE), rule=rule, target_class=3)
    assert difference(raw(model, PICTURE, "features.10", at="the layer", rule=rule, target_class=3), expected) <= BOUND


@pytest.mark.parametrize("build", [bundled, resnet18, squeezenet, densenet, Tricky])
@pytest.mark.parametrize("rule", ["epsilon-plus", "epsilon-gamma-box"])
def test_an_item_of_a_batch_is_the_item_alone(build: Build, rule: str) -> None:
    model = build().eval().double()
    for at in ("the picture", "the layer"):
        layer = "late" if build is Tricky else default_layer(View(model), PICTURES)
        batch = raw(model, PICTURES, layer, at=at, rule=rule)
        for number in range(2):
            alone = raw(model, PICTURES[number : number + 1], layer, at=at, rule=rule)
            assert difference(batch[number : number + 1], alone) <= 1e-9


@pytest.mark.minutes
@pytest.mark.parametrize("rule", ["epsilon", "epsilon-plus-flat", "epsilon-gamma-box"])
def test_a_models_own_preprocessing_is_no_evidence(rule: str) -> None:
    torch.manual_seed(0)
    model = torchvision.models.googlenet(num_classes=10, init_weights=False, aux_logits=False).eval().double()
    seen = PICTURE.clone()
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        seen[:, channel] = PICTURE[:, channel] * (std / 0.5) + (mean - 0.5) / 0.5
    expected = raw(model, seen, rule=rule, target_class=1)
    model.transform_input = True
    assert difference(raw(model, PICTURE, rule=rule, target_class=1), expected) <= BOUND


def test_shrinking_and_padding_inside_the_model_give_relevance_to_all_that_was_seen() -> None:
    stage = Stage().eval().double()
    pictures = PICTURES.clone()
    pictures[..., :8, :] = 0  # black, and still seen
    small = raw(stage, F.avg_pool2d(pictures, 4), rule="epsilon-plus-flat")
    spread = small.repeat_interleave(4, 1).repeat_interleave(4, 2) / 16
    assert difference(raw(nn.Sequential(nn.AvgPool2d(4), stage), pictures, rule="epsilon-plus-flat"), spread) <= BOUND
    padded = raw(stage, F.pad(pictures, (3, 3, 3, 3)), rule="epsilon-plus-flat")
    found = raw(nn.Sequential(nn.ZeroPad2d(3), stage), pictures, rule="epsilon-plus-flat")
    assert difference(found, padded[:, 3:-3, 3:-3]) <= BOUND
    assert found[:, :8].any()


class Bounded(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return F.relu6(inputs, inplace=True)


@pytest.mark.parametrize("bounded", [nn.ReLU6(), nn.Hardtanh(0, 6), Bounded()])
def test_a_bounded_relu_lets_all_relevance_pass(bounded: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), bounded, nn.Flatten(), nn.Linear(4, 1, bias=False))
    for layer in (model[0], model[3]):
        nn.init.ones_(layer.weight)  # type: ignore[arg-type]
    found = raw(model, torch.tensor([[[[9.0, 5.0], [-1.0, 6.0]]]]), rule="z-plus")
    assert torch.allclose(found, torch.tensor([[[6.0, 5.0], [0.0, 6.0]]]))


class Gate(nn.Module):
    def __init__(self, gate: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.last, self.gate = nn.Conv2d(3, 4, 1), nn.Linear(4, 2), gate

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.last(self.gate(self.conv(inputs)).mean((2, 3)))
        return scores


@pytest.mark.parametrize(
    ("gate", "fields"),
    [
        (F.gelu, {"culprit": "Gelu", "hint": "Grad-CAM"}),
        (
            lambda maps: maps * maps.mean((2, 3), keepdim=True),
            {"culprit": "a product of two activations", "hint": "Grad-CAM"},
        ),
        (
            lambda maps: maps / maps.norm(),
            {"culprit": "LinalgVectorNorm or a division by an activation", "hint": "Grad-CAM"},
        ),
        (lambda maps: torch.ones_like(maps) / maps, {"culprit": "a division by an activation", "hint": "Grad-CAM"}),
        (lambda maps: F.layer_norm(maps, maps.shape[1:]), {"culprit": "NativeLayerNorm", "hint": "Grad-CAM"}),
        (lambda maps: maps.softmax(1), {"culprit": "Softmax", "hint": "Grad-CAM"}),
        (
            lambda maps: F.batch_norm(maps, None, None, training=True),
            {"accepted": "running statistics", "hint": "Grad-CAM"},
        ),
        (
            lambda maps: F.conv2d(maps, maps.mean((0, 2, 3)).reshape(1, 4, 1, 1).expand(4, 4, 1, 1)),
            {"culprit": "Convolution", "hint": "Grad-CAM"},
        ),
        (lambda maps: maps.detach(), {"hint": "such as Occlusion or RISE"}),
    ],
)
def test_what_is_no_sum_of_parts_is_refused_by_name(gate: Callable[[Tensor], Tensor], fields: Fields) -> None:
    model = Gate(gate).double()
    before = state(model)
    with refused(**fields):
        raw(model, PICTURES)
    assert state(model) == before


def test_above_what_is_refused_relevance_is_found() -> None:
    model = Gate(nn.Sequential(nn.GELU(), nn.Conv2d(4, 4, 1))).double()
    with refused(culprit="Gelu", hint="a later layer"):
        raw(model, PICTURES, "conv", at="the layer")
    assert raw(model, PICTURES, "gate.0", at="the layer").any()


def test_a_layer_without_places_is_refused() -> None:
    with refused(culprit="pool", hint="'features"):
        raw(bundled(), PICTURES.float(), "pool", at="the layer")


def test_what_cannot_be_seen_comes_with_a_word() -> None:
    last = nn.Linear(4, 2, bias=False)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    nn.init.zeros_(last.weight)
    assert "No relevance arrives" in LRP(model)(PICTURES.float(), "")[1]["note"]
    nn.init.constant_(last.weight, -1)
    assert "no evidence for" in LRP(model)(PICTURES.float(), "")[1]["note"]


@pytest.mark.minutes
def test_relevance_lies_on_the_object(capsys: pytest.CaptureFixture[str]) -> None:
    seeds = scenes.HELD_OUT[50_000:50_050]
    pictures, _ = dataset.draw(seeds, 1)
    lrp, shares = LRP(catalogue.load("shapes").module), []
    for begin in range(0, len(seeds), 10):
        some = slice(begin, begin + 10)
        positive = lrp(dataset.normalise(pictures[some]), "")[1]["raw"].clamp(min=0)
        masks = torch.from_numpy(np.stack([scenes.scene(seed).objects[0].mask for seed in seeds[some]]))
        shares += ((positive * masks).sum((1, 2)) / positive.sum((1, 2))).tolist()
    with capsys.disabled():
        print(f"\nLRP: {np.mean(shares):.1%} of the positive relevance on the object, over {len(seeds)} scenes")
    assert np.mean(shares) >= 0.8
