"""Grad-CAM, guided gradients and activations: equal to captum and to closed forms, and they leave no trace."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.probe import View, default_layer, guide
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import Activations, Attribution, GradCam, Gradient, Kernels, Visualisation, grid
from mirror_app.visualisations.core.gradients.back_prop import gradient
from mirror_app.visualisations.core.target_score import TargetScore
from tests.networks import (
    ANYWHERE,
    Functional,
    Linear,
    Tricky,
    bundled,
    densenet,
    quick,
    resnet18,
    squeezenet,
    state,
)
from tests.refused import Fields, refused

Build = Callable[[], nn.Module]
PICTURES = torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SMALL = PICTURES[:1, :, :64, :64].float()
BOUND = 1e-10


def raw(visualisation: Visualisation, layer: str | None, inputs: Tensor = PICTURES, **params: object) -> Tensor:
    found: Tensor = visualisation(inputs, layer, **params)[1]["raw"]
    return found


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, as a share of the largest number of theirs."""
    assert theirs.any()
    assert ours.shape == theirs.shape
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max())


@pytest.mark.parametrize(
    ("build", "layer"),
    [  # some of these are followed by an in-place ReLU, which writes into what the layer gave
        (bundled, "features.9.0"),
        (resnet18, "layer4"),
        (resnet18, "layer1.0.bn1"),
        (resnet18, "layer2.1.conv2"),
        (squeezenet, "features.0"),
        (squeezenet, "features.12"),
        (squeezenet, "features.7.expand3x3"),
    ],
)
def test_grad_cam_is_captums(build: Build, layer: str) -> None:
    model = build().double()
    theirs = captum.attr.LayerGradCam(model, model.get_submodule(View(model).layer_name(layer)))
    for target in (0, 3):
        expected = theirs.attribute(PICTURES, target=target)[:, 0]
        assert difference(raw(GradCam(model), layer, target_class=target), expected) <= BOUND


@pytest.mark.parametrize("build", [bundled, resnet18, squeezenet])
def test_guided_gradients_are_captums(build: Build) -> None:
    expected = captum.attr.GuidedBackprop(build().double()).attribute(PICTURES.clone().requires_grad_(), target=3)
    assert (
        difference(gradient(TargetScore(View(build().double()), PICTURES, 3), PICTURES, rewrite=guide)[0], expected)
        <= BOUND
    )


@pytest.mark.parametrize("build", [bundled, resnet18, squeezenet])
def test_back_prop_is_captums_saliency(build: Build) -> None:
    for name, theirs in (("", captum.attr.Saliency), ("times_input", captum.attr.InputXGradient)):
        method = theirs(build().double())
        options = {} if name else {"abs": False}
        expected = method.attribute(PICTURES.clone().requires_grad_(), target=3, **options)
        ours = raw(Gradient(build().double()), None, target_class=3, times_input=bool(name))
        assert difference(ours, expected) <= BOUND


def test_back_prop_is_what_small_changes_of_the_pixels_do() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Flatten(), nn.Linear(6 * 6 * 8, 4)).double()
    inputs = torch.randn(1, 3, 8, 10, dtype=torch.float64)
    gradient = raw(Gradient(model), "0", inputs, target_class=2).flatten()
    steps = torch.eye(inputs.numel(), dtype=torch.float64).reshape(-1, 3, 8, 10) * 1e-4
    measured = (model(inputs + steps)[:, 2] - model(inputs - steps)[:, 2]) / 2e-4
    assert torch.cosine_similarity(gradient, measured.detach(), 0) >= 0.999
    assert difference(gradient, measured) <= 1e-6


def test_kernels_are_the_weights_in_colour_by_channel_or_one_filter_at_a_time() -> None:
    model = resnet18()
    images, info = Kernels(model)(PICTURES, "conv1")
    assert torch.equal(info["raw"], model.get_parameter("conv1.weight"))
    assert images.shape == (64, 3, 7, 7)
    images, info = Kernels(model)(PICTURES, "layer1", filter=5)
    assert torch.equal(info["raw"][:, 0], model.get_parameter("layer1.0.conv1.weight")[5])
    assert images.shape == (64, 3, 3, 3)
    assert "the first convolution, `layer1.0.conv1`" in info["detail"]
    depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8))
    assert Kernels(depthwise)(PICTURES, "0")[0].shape == (8, 3, 3, 3)
    grouped = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 12, 3, groups=4))
    images, info = Kernels(grouped)(PICTURES, "1", filter=7)
    assert torch.equal(info["raw"][:, 0], grouped.get_parameter("1.weight")[7])
    assert info["detail"].endswith("filter 7, one image for each of its 2 input channels (4 to 5 of the layer's input)")
    # What the filter looks at: no other channel of the layer's input changes what it gives.
    maps = torch.randn(1, 8, 3, 3).requires_grad_()
    (seen,) = torch.autograd.grad(grouped[1](maps)[0, 7].sum(), maps)
    assert seen.abs().sum((0, 2, 3)).nonzero().flatten().tolist() == [4, 5]
    with refused(culprit="16", accepted="filters 0 to 15"):
        Kernels(model)(PICTURES, "layer1", filter=16)
    with refused(culprit="fc", accepted="a convolution", hint="'layer4.1.conv2'"):
        Kernels(model)(PICTURES, "fc")


@pytest.mark.parametrize(
    ("build", "layer"), [(bundled, "features.9.0"), (resnet18, "layer3"), (squeezenet, "features.12")]
)
def test_guided_grad_cam_is_captums(build: Build, layer: str) -> None:
    model = build().double()
    expected = captum.attr.GuidedGradCam(model, model.get_submodule(View(model).layer_name(layer))).attribute(
        PICTURES.clone().requires_grad_(), target=3, interpolate_mode="bilinear"
    )
    assert difference(raw(GradCam(build().double()), layer, guide=True, target_class=3), expected) <= BOUND


def test_grad_cam_of_an_average_of_maps_is_the_classifiers_weight_times_the_maps() -> None:
    model = Linear().double()
    maps = model.maps(PICTURES)
    expected = torch.einsum("k,nkhw->nhw", model.classifier.weight[1], maps) / (96 * 128)
    assert difference(raw(GradCam(model), "maps", target_class=1), expected.detach()) <= BOUND


def test_grad_cam_is_signed_before_the_look_and_not_after() -> None:
    visualisation = GradCam(Linear().double())
    assert raw(visualisation, None).min() < 0 < raw(visualisation, None).max()
    plain = visualisation(PICTURES, None, show="map")[0]
    assert ((plain == 0).all(1) == (raw(visualisation, None) <= 0)).all()


@pytest.mark.parametrize("size", [(96, 160), (160, 96), (97, 311)])
@pytest.mark.parametrize("place", [(0.15, 0.8), (0.7, 0.2)])
def test_grad_cam_lies_where_the_evidence_was_planted(size: tuple[int, int], place: tuple[float, float]) -> None:
    height, width = size
    down, right = int(height * place[0]), int(width * place[1])
    planted = torch.zeros(1, 3, height, width, dtype=torch.float64)
    planted[..., down : down + 8, right : right + 8] = 1
    model = nn.Sequential(nn.Conv2d(3, 1, 8, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    nn.init.zeros_(model[0].bias)  # type: ignore[arg-type]
    images, _ = GradCam(model.double())(planted, "0", show="map", target_class=0)
    peak = int(images[0, 0].argmax())
    assert abs(peak // width - (down + 3.5)) <= 8  # at most one cell off
    assert abs(peak % width - (right + 3.5)) <= 8


@pytest.mark.parametrize("build", [bundled, resnet18, squeezenet, densenet, Tricky])
def test_an_item_of_a_batch_is_the_item_alone(build: Build) -> None:
    model = build().eval().double()
    for guided in (False, True):
        batch = raw(GradCam(model), None, guide=guided, target_class=2)
        for number in range(2):
            alone = raw(GradCam(model), None, PICTURES[number : number + 1], guide=guided, target_class=2)
            assert torch.allclose(batch[number], alone[0], rtol=1e-9, atol=1e-12)


def test_no_target_is_the_top_class_of_each_item() -> None:
    model = Linear().double()
    top = model(PICTURES).argmax(1).tolist()
    chosen = GradCam(model)(PICTURES, None)[1]["target_class"]
    assert chosen == top
    for number, target in enumerate(top):
        assert torch.equal(raw(GradCam(model), None)[number], raw(GradCam(model), None, target_class=target)[number])


def test_the_prediction_is_told_whatever_class_is_shown() -> None:
    model = resnet18().double()
    top = model(PICTURES).argmax(1).tolist()
    assert GradCam(model)(PICTURES, None)[1]["prediction"] == top
    shown = Gradient(model)(PICTURES, None, target_class=top[0] + 1 if top[0] < 9 else 0)[1]
    assert shown["prediction"] == top != shown["target_class"]
    assert "prediction" not in Activations(model)(PICTURES, "layer1")[1]


def test_functional_and_in_place_relus_give_what_modules_give() -> None:
    tricky = Tricky().double()
    other = Functional(tricky)
    for guided in (False, True):
        ours = raw(GradCam(tricky), "late", guide=guided, target_class=1)
        assert difference(ours, raw(GradCam(other), "tricky.late", guide=guided, target_class=1)) <= BOUND


def test_activations_are_what_the_layer_gives_in_one_picture_a_map() -> None:
    model = resnet18().double()
    layer1 = model.get_submodule("layer1")
    images, info = Activations(model)(PICTURES, layer1)
    stem = nn.Sequential(*list(model.children())[:4])
    expected = layer1(stem(PICTURES))
    assert torch.equal(info["raw"], expected)
    assert images.shape == (2 * 16, 3, 24, 32)
    assert grid(images[:16], 8).shape == (3, 2 * 24, 8 * 32)
    vector, info = Activations(model)(PICTURES, "fc")
    assert info["raw"].shape == (2, 10)
    assert vector.shape == (2 * 10, 3, 1, 1)
    assert vector.std() > 0
    assert Activations(model)(PICTURES, "avgpool")[1]["raw"].shape == (2, 128)


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
@pytest.mark.parametrize("build", [resnet18, squeezenet, densenet, Tricky])
def test_the_model_is_untouched_after_success_and_after_an_exception(entry: registry.Entry, build: Build) -> None:
    model = build().train()
    before = state(model)
    visualisation = entry.kind(model)
    images, info = visualisation(SMALL, None, **quick(entry))
    assert state(model) == before
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.shape[1] == 3
    assert info["raw"].isfinite().all()
    if entry.kind is Kernels:  # which runs nothing that could raise
        return
    last = default_layer(visualisation.view, SMALL)
    visualisation.view.modules[last].register_forward_hook(fail)
    with pytest.raises(ZeroDivisionError):
        visualisation(SMALL, None, **quick(entry))
    assert state(model) == before
    assert [len(m._forward_hooks) for m in visualisation.view.modules.values() if m._forward_hooks] == [1]  # ours: fail


def fail(*_: object) -> None:
    raise ZeroDivisionError


class Trap(torch.autograd.Function):
    """Hands its input on, and raises on the way back."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        return inputs.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        raise ZeroDivisionError


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_the_model_is_untouched_after_an_exception_on_the_way_back_a_bad_target_and_a_cancel(
    entry: registry.Entry,
) -> None:
    model = resnet18().train()
    before = state(model)
    visualisation = entry.kind(model)
    frames = visualisation.frames(SMALL, "layer4.1.conv2", **quick(entry))
    next(frames)
    frames.close()
    assert state(model) == before

    if "target_class" in entry.params:
        with refused(culprit="999", accepted="0 to 9"):
            visualisation(SMALL, "layer4.1.conv2", target_class=999, **quick(entry))
        assert state(model) == before

    trapped = entry.kind(model)
    trapped.view.modules["layer4.1.conv2"].register_forward_hook(lambda _module, _inputs, output: Trap.apply(output))
    raised = False
    try:
        trapped(SMALL, "layer4.1.conv2", **quick(entry))
    except (ZeroDivisionError, MirrorError):  # LRP refuses what it does not know
        raised = True
    assert raised or entry.key not in ("back-prop", "smoothgrad", "integrated-gradients", "deep-dream", "lrp")
    assert state(model) == before


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_the_same_request_gives_the_same_bits(entry: registry.Entry) -> None:
    first, second = (entry.kind(resnet18())(SMALL, None, **quick(entry))[1]["raw"] for _ in range(2))
    assert torch.equal(first, second)


def flat() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 96 * 128, 2)).double()


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        (lambda model: GradCam(model)(PICTURES, "fc"), {"culprit": "fc", "hint": "'layer4'"}),
        (lambda model: GradCam(model)(PICTURES, "avgpool"), {"culprit": "avgpool", "hint": "'layer4'"}),
        (
            lambda model: GradCam(model)(PICTURES, "layer5"),
            {"culprit": "layer5", "accepted": ["layer4", "fc"], "hint": "'layer"},
        ),
        (lambda model: GradCam(model)(PICTURES, nn.ReLU()), {"culprit": "ReLU", "hint": "one of its submodules"}),
        (lambda model: GradCam(model)(PICTURES, None, target_class=10), {"culprit": "10", "accepted": "0 to 9"}),
        (
            lambda model: GradCam(model)(PICTURES, None, target_class=-1),
            {"culprit": "-1", "accepted": "the number of a class"},
        ),
        (
            lambda model: GradCam(model)(PICTURES, None, target_class="dog"),
            {"culprit": "dog", "accepted": "the number of a class"},
        ),
        (
            lambda model: GradCam(model)(PICTURES, None, guided=True),
            {"culprit": "guided", "accepted": ["guide", "strength"], "hint": "'guide'"},
        ),
        (
            lambda model: GradCam(model)(PICTURES, None, strength=2),
            {"culprit": "2", "accepted": "a number from 0 to 1", "problem": "strength"},
        ),
        (lambda model: GradCam(model)(PICTURES[0], None), {"culprit": "(3, 96, 128)", "accepted": "a float tensor"}),
        (lambda model: GradCam(model)("cat.jpg", None), {"culprit": "str", "accepted": "a float tensor"}),
        (
            lambda model: GradCam(model.layer1)(torch.randn(1, 64, 8, 8).double(), None),
            {"culprit": "16 × 8 × 8", "accepted": "one logit per class", "hint": "':15@0,0'"},
        ),
        (lambda _: GradCam(flat())(PICTURES, None), {"hint": "Occlusion"}),
    ],
)
def test_what_cannot_be_shown_is_one_sentence_that_names_it(
    call: Callable[[nn.Module], object], fields: Fields
) -> None:
    model = resnet18().double()
    before = state(model)
    with refused(**fields):
        call(model)
    assert state(model) == before


def test_a_map_without_evidence_comes_with_a_word() -> None:
    model = Linear()
    nn.init.zeros_(model.classifier.weight)
    assert "gradient is zero" in GradCam(model)(PICTURES.float(), None)[1]["note"]
    nn.init.constant_(model.classifier.weight, -1)
    nn.init.ones_(model.maps.weight)
    images, info = GradCam(model)(PICTURES.float().abs(), None, show="heat map")
    assert "Nothing in this layer is evidence for" in info["note"]
    pictures = PICTURES.float().abs()
    pictures[:, :, :-1] = 0
    assert GradCam(model)(pictures, None)[1]["note"].startswith("Nothing in this layer is evidence for")
    pictures[:, :, 0] = -0.01
    assert "Hardly anything in this layer is evidence for" in GradCam(model)(pictures, None)[1]["note"]
    pictures[:, :, 0] = -1
    assert "evidence for" not in GradCam(model)(pictures, None)[1]["note"]
    assert images.isfinite().all()


def test_the_last_frame_is_the_result() -> None:
    class Counting(Activations):
        def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
            for step in range(3):
                yield Attribution(inputs * step, {"step": step})

    assert Counting(Linear())(PICTURES.float(), None)[1]["step"] == 2


@pytest.mark.minutes
@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_a_sweep_is_every_stage_as_if_alone(entry: registry.Entry) -> None:
    model = bundled()
    if not entry.kind.supports_all_stages:
        with refused(culprit="*", hint="choose a layer"):
            entry.kind(model)(SMALL, "*", **quick(entry))
        return
    inputs = torch.cat([SMALL, SMALL.flip(3)])[:, :, :48]
    images, info = entry.kind(model)(inputs, "*", **quick(entry))
    stages = ["features.1", "features.4", "features"]
    assert info["layers"] == stages
    assert len(images) == len(info["raw"]) == 2 * len(stages)
    for number, stage in enumerate(stages):
        alone, own = entry.kind(model)(inputs, stage, **quick(entry))
        assert torch.equal(info["raw"][number :: len(stages)], render.resize(own["raw"], (48, 64)))
        assert torch.allclose(images[number :: len(stages)], alone, atol=1e-6)
        assert not own.get("note") or re.search(rf"At [^:]*{stage}\b[^:]*: {re.escape(own['note'])}", info["note"])


def test_a_result_says_what_it_is_and_that_the_model_is_untouched() -> None:
    model = resnet18()
    info = GradCam(model)(SMALL, "layer3", target_class=2)[1]
    assert (info["method"], info["layer"], info["untouched"]) == ("GradCam", "layer3", True)
    assert info["params"] == {"guide": False, "target_class": 2}

    class Rude(Activations):
        def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
            self.view.source.conv1.weight.requires_grad_(False)  # type: ignore[union-attr]
            yield Attribution(inputs)

    assert not Rude(model)(SMALL, "layer3")[1]["untouched"]


@pytest.mark.parametrize("name", ["signed", "strength"])
def test_a_parameter_cannot_have_the_name_of_one_of_the_look_or_of_a_transformation(name: str) -> None:
    entry = registry.get("grad-cam")
    assert name in entry.params
    with refused(culprit=name, hint="another name"):
        replace(entry, method_params={name: entry.params[name]})
