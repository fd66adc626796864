"""Gradients, and what is made of them: against captum, central differences, closed forms and axioms."""

import copy
from collections.abc import Callable
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mirror_app.bundled import network
from mirror_app.bundled.examples import examples
from mirror_app.models import catalogue
from mirror_app.visualisations.core import (
    Deconvnet,
    Gradient,
    IntegratedGradients,
    SmoothGrad,
    Visualisation,
)
from mirror_app.visualisations.core.batching import SIZES
from mirror_app.visualisations.core.gradients.back_prop import ZERO_GRADIENT
from mirror_app.visualisations.core.gradients.integrated import BASELINES
from mirror_app.visualisations.core.gradients.smoothgrad import HIDDEN_BY_NOISE
from tests.families import convnext
from tests.networks import Functional, Tricky, bundled, resnet18, squeezenet
from tests.refused import refused

BOUND = 1e-10
TARGET = 3
PICTURES = torch.randn(2, 3, 64, 80, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
KINDS: list[tuple[type[Visualisation], dict[str, Any]]] = [
    (Gradient, {}),
    (Gradient, {"guide": True}),
    (Deconvnet, {}),
    (SmoothGrad, {"n": 3}),
    (SmoothGrad, {"n": 3, "guide": True}),
    (IntegratedGradients, {"steps": 4}),
]


def raw(kind: type[Visualisation], model: nn.Module, inputs: Tensor = PICTURES, **params: Any) -> Tensor:
    found: Tensor = kind(model, None, network.MEAN, network.STD)(inputs, "", target_class=TARGET, **params)[1]["raw"]
    return found


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, as a share of the largest number of theirs."""
    assert theirs.any()
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("build", [bundled, resnet18, squeezenet])
def test_deconvnet_is_captums(build: Callable[[], nn.Module]) -> None:
    model = copy.deepcopy(build()).double()
    theirs = copy.deepcopy(model)
    for module in theirs.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # captum's hooks cannot bear it
    expected = captum.attr.Deconvolution(theirs).attribute(PICTURES.clone().requires_grad_(), TARGET)
    assert difference(raw(Deconvnet, model), expected) <= BOUND


@pytest.mark.parametrize(("kind", "params"), KINDS)
def test_a_module_its_functional_form_and_a_fused_batch_norm_give_the_same(
    kind: type[Visualisation], params: dict[str, Any]
) -> None:
    tricky = Tricky().double()
    assert difference(raw(kind, Functional(tricky), **params), raw(kind, tricky, **params)) <= BOUND
    model = copy.deepcopy(bundled()).double()
    fused = copy.deepcopy(model)
    for block in [module for module in fused.modules() if isinstance(module, nn.Sequential)]:
        if len(block) == 3 and isinstance(block[1], nn.BatchNorm2d):
            assert isinstance(block[0], nn.Conv2d)
            block[0], block[1] = fuse_conv_bn_eval(block[0], block[1]), nn.Identity()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    assert difference(raw(kind, fused, **params), raw(kind, model, **params)) <= BOUND


@pytest.mark.parametrize("kind", [Gradient, SmoothGrad])
def test_the_gradient_is_that_of_central_differences(kind: type[Visualisation]) -> None:
    model = copy.deepcopy(bundled()).double()
    inputs = PICTURES[:1, :, :24, :24]
    params = {} if kind is Gradient else {"n": 1, "sigma": 0.0}
    step = 1e-5
    found = raw(kind, model, inputs, **params).flatten()
    places = torch.randperm(found.numel(), generator=torch.Generator().manual_seed(1))[:300]
    moves = torch.zeros(len(places), inputs.numel(), dtype=inputs.dtype)
    moves[torch.arange(len(places)), places] = step
    with torch.no_grad():
        up, down = (model(inputs + sign * moves.view(-1, *inputs.shape[1:]))[:, TARGET] for sign in (1, -1))
    expected = (up - down) / (2 * step)
    assert torch.nn.functional.cosine_similarity(found[places], expected, dim=0) >= 0.999


@pytest.mark.parametrize(("kind", "params"), KINDS)
@pytest.mark.parametrize("build", [resnet18, Tricky])
def test_each_item_is_as_if_alone_however_many_go_together(
    build: Callable[[], nn.Module], kind: type[Visualisation], params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build().double()
    together = raw(kind, model, **params)
    monkeypatch.setitem(SIZES, "cpu", 1)
    for number in range(2):
        assert difference(raw(kind, model, PICTURES[number : number + 1], **params)[0], together[number]) <= BOUND


# SmoothGrad


def test_smooth_grad_without_noise_is_the_gradient_and_with_it_the_mean_over_copies() -> None:
    model = resnet18().double()
    plain = raw(Gradient, model)
    assert difference(raw(SmoothGrad, model, n=3, sigma=0.0), plain) <= BOUND
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 80, 5)).double()
    assert difference(raw(SmoothGrad, linear, n=3), raw(Gradient, linear)) <= BOUND
    assert torch.equal(raw(SmoothGrad, model, n=2, seed=4), raw(SmoothGrad, model, n=2, seed=4))
    assert not torch.equal(raw(SmoothGrad, model, n=2, seed=4), raw(SmoothGrad, model, n=2, seed=5))


def test_smooth_grad_of_a_cube_is_the_mean_of_three_times_its_square() -> None:
    class Cube(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.pow(3).sum((1, 2, 3))[:, None].expand(-1, 5)

    inputs = PICTURES[:1, :, :4, :4]
    deviation = 0.1 * (inputs.max() - inputs.min())
    expected = 3 * (inputs**2 + deviation**2)  # the mean of (x + n)², with n normal
    found = raw(SmoothGrad, Cube(), inputs, n=200, sigma=0.1)
    error = 3 * deviation * (4 * inputs**2 + 2 * deviation**2).sqrt() / 200**0.5  # of the mean of 200
    assert ((found - expected).abs() < 4 * error).all()


@pytest.mark.parametrize("guide", [False, True])
def test_smooth_grad_is_the_mean_of_captums_gradients_of_the_same_copies(guide: bool) -> None:
    model = copy.deepcopy(bundled()).double()
    theirs, options = (captum.attr.GuidedBackprop, {}) if guide else (captum.attr.Saliency, {"abs": False})
    inputs = PICTURES * torch.tensor([1, 3])[:, None, None, None]  # each of a range of its own
    found = SmoothGrad(model)(inputs, "", n=4, sigma=0.5, seed=7, guide=guide)[1]
    seeds = torch.randint(2**62, (4,), generator=torch.Generator().manual_seed(7)).tolist()
    for number, picture in enumerate(inputs):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        noise = torch.stack([torch.randn(picture.shape, generator=own, dtype=picture.dtype) for own in generators])
        copies = picture + 0.5 * (picture.max() - picture.min()) * noise
        with torch.no_grad():
            top = int(model(picture[None]).argmax())
            assert (model(copies).argmax(1) != top).any()  # the class is the picture's, not each copy's
        expected = theirs(copy.deepcopy(model)).attribute(copies.requires_grad_(), top, **options).mean(0)
        assert found["target_class"][number] == top
        assert difference(found["raw"][number], expected) <= BOUND


# Integrated gradients


def summed_up(model: nn.Module, inputs: Tensor, start: Tensor) -> Tensor:
    """Integrated gradients, one place on the way after the other."""
    total = torch.zeros_like(inputs)
    for node, weight in zip(*np.polynomial.legendre.leggauss(50), strict=True):
        between = (start + (node + 1) / 2 * (inputs - start)).requires_grad_()
        total += weight / 2 * torch.autograd.grad(model(between)[0, TARGET], between)[0]
    return total * (inputs - start)


@pytest.mark.parametrize(
    ("build", "baseline"),
    [*((bundled, baseline) for baseline in BASELINES), (squeezenet, "black"), (convnext, "black")],
)
def test_integrated_gradients_are_captums_and_say_what_is_missing(
    build: Callable[[], nn.Module], baseline: str
) -> None:
    model = copy.deepcopy(build()).double()
    ours = IntegratedGradients(model, None, network.MEAN, network.STD)
    inputs = PICTURES[:1, :, :32, :40]
    info = ours(inputs, "", baseline=baseline, steps=50, target_class=TARGET)[1]
    start = ours._baseline(inputs, baseline, 0)
    expected = captum.attr.IntegratedGradients(model).attribute(
        inputs, start, TARGET, n_steps=50, method="gausslegendre", internal_batch_size=10
    )
    assert difference(info["raw"], expected) <= 1e-7  # captum keeps places and weights in single precision
    assert difference(info["raw"], summed_up(model, inputs, start)) <= BOUND
    with torch.no_grad():
        gained = (model(inputs) - model(start))[0, TARGET]
    assert float((info["raw"].sum() - gained) / gained.abs()) == pytest.approx(info["completeness"][0], abs=1e-9)


def smooth() -> nn.Module:
    torch.manual_seed(0)
    maps = (nn.Conv2d(3, 8, 5, 2), nn.Softplus(), nn.AvgPool2d(2), nn.Conv2d(8, 8, 3), nn.Softplus())
    return nn.Sequential(*maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


# Each kink of a ReLU on the way costs any rule of quadrature its order; where there is none, nothing is left.
@pytest.mark.minutes
@pytest.mark.parametrize(("build", "bound"), [(smooth, 1e-9), (bundled, 1e-2)])
def test_integrated_gradients_add_up(
    build: Callable[[], nn.Module], bound: float, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = catalogue.load("shapes").preprocessing.prepare(examples()[0]).double()
    ours = IntegratedGradients(copy.deepcopy(build()).double(), None, network.MEAN, network.STD)
    few, many = (abs(ours(scene, "", steps=steps)[1]["completeness"][0]) for steps in (50, 100))
    with capsys.disabled():
        print(
            f"\nIntegrated gradients, {build.__name__}: missing {few:.1e} of the change at 50 steps, {many:.1e} at 100"
        )
    assert few <= bound
    assert many < max(few, 1e-12)


def test_integrated_gradients_of_a_square_are_exact_and_of_a_line_with_one_look() -> None:
    class Square(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.pow(2).sum((1, 2, 3))[:, None].expand(-1, 5)

    found = raw(IntegratedGradients, Square(), baseline="mean colour", steps=2)
    assert difference(found, PICTURES**2) <= BOUND
    line = nn.Linear(3 * 64 * 80, 5)
    linear = nn.Sequential(nn.Flatten(), line).double()
    black = (0 - torch.tensor(network.MEAN).double()) / torch.tensor(network.STD).double()
    weight = line.weight[TARGET].detach().view(3, 64, 80)
    expected = (PICTURES - black[:, None, None]) * weight
    assert difference(raw(IntegratedGradients, linear, baseline="black", steps=2), expected) <= BOUND


def test_black_and_white_are_those_of_pixels_and_too_few_steps_are_told() -> None:
    ours = IntegratedGradients(bundled(), None, network.MEAN, network.STD)
    inputs = PICTURES.float()
    assert torch.allclose(ours._baseline(inputs, "black", 0) * 0.25 + 0.5, torch.zeros(()), atol=1e-6)
    assert torch.allclose(ours._baseline(inputs, "white", 0) * 0.25 + 0.5, torch.ones(()), atol=1e-6)
    assert ours._baseline(inputs, "blur", 0).std() < 0.2 * inputs.std()
    first, again, other = (
        raw(IntegratedGradients, bundled(), inputs, baseline="noise", seed=seed, steps=2) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert "use more steps" in ours(inputs, "", steps=2)[1]["note"]
    assert ours(inputs, "", steps=100)[1]["note"] == ""


@pytest.mark.parametrize(("kind", "params"), [(Deconvnet, {}), (SmoothGrad, {"guide": True})])
def test_what_a_rule_for_relus_is_not_defined_for_is_refused(kind: type[Visualisation], params: dict[str, Any]) -> None:
    for model in (convnext().double(), nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 80, 5)).double()):
        with refused(accepted="such as ReLU", hint="the plain gradient"):
            raw(kind, model, **params)


class Shy(nn.Module):
    """The logit of class 1 grows with the mean while the picture is smooth: any noise silences it."""

    def forward(self, inputs: Tensor) -> Tensor:
        rough = (inputs[..., 1:] - inputs[..., :-1]).abs().amax((1, 2, 3))
        score = torch.where(rough < 0.2, inputs.mean((1, 2, 3)), torch.zeros_like(rough))
        return torch.stack([torch.zeros_like(score), score], 1)


def test_noise_that_drowns_what_is_asked_for_is_told() -> None:
    ramp = torch.linspace(0, 1, 12).expand(1, 3, 12, 12).clone()
    for sigma, note in ((0.15, HIDDEN_BY_NOISE), (0.005, "")):
        info = SmoothGrad(Shy())(ramp, "", n=4, sigma=sigma, target_class=1)[1]
        assert info["raw"].any() == (not note)
        assert info.get("note", "") == note
    grey = torch.full((1, 3, 12, 12), 0.5)  # no noise at all is added to a picture without a range
    assert "note" not in SmoothGrad(Shy())(grey, "", n=4, target_class=1)[1]
    info = SmoothGrad(Shy())(torch.cat([grey, ramp, grey]), "", n=4, target_class=1)[1]  # one of a batch
    assert info["note"] == f"Input 2 of 3: {HIDDEN_BY_NOISE}"
    info = SmoothGrad(Shy())(torch.cat([grey, ramp]), "", n=4, target_class=0)[1]
    assert info["note"] == ZERO_GRADIENT


FLAT_STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "rounded": torch.round,
    "signs": torch.sign,
    "silent rectifier": lambda inputs: (inputs - 9).relu(),
    "a constant": lambda inputs: inputs * 0,
}


@pytest.mark.parametrize("step", FLAT_STEPS.values(), ids=FLAT_STEPS)
def test_a_gradient_that_is_zero_everywhere_is_told(step: Callable[[Tensor], Tensor]) -> None:
    class Stepped(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            means = step(inputs).mean((2, 3))
            return torch.where(inputs[:, :1, 0, 0] < 0, means, inputs.mean((2, 3)))

    pictures = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.1
    pictures[1, 0, 0, 0] = -1
    for visualisation in (Gradient(Stepped()), SmoothGrad(Stepped())):
        few: dict[str, Any] = {"n": 2, "sigma": 0.0} if isinstance(visualisation, SmoothGrad) else {}
        assert visualisation(pictures, target_class=1, **few)[1]["note"] == f"Input 2 of 3: {ZERO_GRADIENT}"
        assert visualisation(pictures[1:2], target_class=1, **few)[1]["note"] == ZERO_GRADIENT
        assert "note" not in visualisation(pictures[:1], target_class=1, **few)[1]
