"""The CAM family: equal to pytorch_grad_cam, torchcam and captum before their scaling, and to what the papers say."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import pytorch_grad_cam  # type: ignore[import-untyped]
import torch
import torchcam.methods
from captum.attr import LayerFeatureAblation
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app.probe import View
from mirror_app.visualisations.core import (
    AblationCam,
    ClassActivationMapping,
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    HiResCam,
    LayerCam,
    ScoreCam,
    Visualisation,
    XGradCam,
)
from mirror_app.visualisations.core.batching import SIZES, in_batches
from tests.families import CONVOLUTIONAL, FAMILIES, TRANSFORMERS, Family, Tokens, convnext, swin, vit
from tests.networks import Linear, Tricky, bundled, densenet, resnet18, squeezenet
from tests.refused import refused

Kind = type[Visualisation]
GRADIENTS: list[Kind] = [GradCam, GradCamPlusPlus, XGradCam, HiResCam, LayerCam]
EVERY: list[Kind] = [*GRADIENTS, ClassActivationMapping, EigenCam, ScoreCam, AblationCam]
THEIRS: dict[Kind, Any] = {
    GradCam: pytorch_grad_cam.GradCAM,
    GradCamPlusPlus: pytorch_grad_cam.GradCAMPlusPlus,
    XGradCam: pytorch_grad_cam.XGradCAM,
    HiResCam: pytorch_grad_cam.HiResCAM,
    LayerCam: pytorch_grad_cam.LayerCAM,
}
BOUND = 1e-10
TARGET = 3


def raw(kind: Kind, model: nn.Module, inputs: Tensor, layer: str | None, target: int | None = TARGET) -> Tensor:
    params = {} if kind is EigenCam else {"target_class": target}
    found: Tensor = kind(model)(inputs, layer, **params)[1]["raw"]
    return found


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, as a share of the largest number of theirs."""
    assert theirs.any()
    assert ours.shape == theirs.shape
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max())


@cache
def loud(model: nn.Module, layer: str, by: float, logits: float = 1) -> nn.Module:
    """A copy with a layer's output and the logits multiplied: so loud that the references' epsilons are not heard."""
    model = copy.deepcopy(model)
    for module, factor in ((model.get_submodule(layer), by), (model, logits)):
        module.register_forward_hook(lambda _module, _inputs, output, factor=factor: output * factor)
    return model


def grad_cams(kind: Kind, model: nn.Module, family: Family) -> Tensor:
    """The map of pytorch_grad_cam before its ReLU, its scaling and its resizing."""
    module = model.get_submodule(family.layer)
    with THEIRS[kind](model, [module], reshape_transform=family.maps) as cam:
        cam.activations_and_grads(family.pictures)[:, TARGET].sum().backward()
        maps, gradient = (
            kept[0].numpy() for kept in (cam.activations_and_grads.activations, cam.activations_and_grads.gradients)
        )
        model.zero_grad()
        return torch.from_numpy(cam.get_cam_image(family.pictures, module, None, maps, gradient, False))


def by_hand(model: nn.Module, family: Family, target: int | None = TARGET) -> tuple[Tensor, Tensor]:
    """The maps of a family's layer and the gradient by them of the logit of the target, or of the likeliest class."""
    taken: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        taken.append(output.detach().requires_grad_())
        return taken[0].clone()

    handle = model.get_submodule(family.layer).register_forward_hook(keep)
    logits = model(family.pictures)
    handle.remove()
    (gradient,) = torch.autograd.grad((logits.amax(1) if target is None else logits[:, target]).sum(), taken[0])
    return family.maps(taken[0].detach()), family.maps(gradient)


# The gradient CAMs


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        (kind, family)
        for family in FAMILIES
        for kind in GRADIENTS
        if not (kind is XGradCam and "ln_1" in family.layer)  # loud keys would make the attention a hard choice
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_raw_maps_are_those_of_grad_cam(kind: Kind, family: Family) -> None:
    # Their epsilons are 1e-6 and 1e-7.
    louder = {pytorch_grad_cam.GradCAMPlusPlus: (1e-6, 1e8), pytorch_grad_cam.XGradCAM: (1e15, 1.0)}
    factors = louder.get(THEIRS[kind], (1.0, 1.0))
    model = loud(family.model, family.layer, *factors)
    assert difference(raw(kind, model, family.pictures, family.layer), grad_cams(kind, model, family)) <= BOUND


@pytest.mark.parametrize("family", CONVOLUTIONAL, ids=str)
@pytest.mark.parametrize(("kind", "name"), [(GradCam, "GradCAM"), (XGradCam, "XGradCAM"), (LayerCam, "LayerCAM")])
def test_raw_maps_behind_the_relu_are_those_of_torchcam(kind: Kind, name: str, family: Family) -> None:
    model = loud(family.model, family.layer, 1e15)
    with torch.no_grad():
        target = int(model(family.pictures).sum(0).argmax())  # for another class nothing may be left behind the ReLU
    with getattr(torchcam.methods, name)(model, family.layer, (3, *family.size)) as theirs:
        expected = theirs(target, model(family.pictures), normalized=False)[0]
    assert difference(raw(kind, model, family.pictures, family.layer, target).relu(), expected) <= BOUND


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_the_papers_formulae_place_by_place(family: Family) -> None:
    maps, gradient = by_hand(family.model, family)
    total = maps.sum((2, 3), keepdim=True)
    second, third = gradient**2, gradient**3
    alpha = torch.where(gradient == 0, 0, second / (2 * second + total * third))
    weights: dict[Any, Tensor] = {
        GradCam: gradient.mean((2, 3), keepdim=True),
        GradCamPlusPlus: (alpha * gradient.relu()).nan_to_num().sum((2, 3), keepdim=True),
        XGradCam: (gradient * maps / total).nan_to_num().sum((2, 3), keepdim=True),
        HiResCam: gradient,
        LayerCam: gradient.relu(),
    }
    for kind, weight in weights.items():
        expected = (weight * maps).sum(1)
        assert difference(raw(kind, family.model, family.pictures, family.layer), expected) <= BOUND, kind


def test_where_an_in_place_relu_follows_the_maps_are_those_before_it() -> None:
    family = Family(squeezenet, "features.0")
    maps, gradient = by_hand(family.model, family)
    assert (maps < 0).any()
    expected = (gradient * maps).sum(1)
    assert difference(raw(HiResCam, family.model, family.pictures, family.layer), expected) <= BOUND


@pytest.mark.parametrize(("build", "layer"), [(resnet18, "layer4"), (bundled, "features"), (Linear, "maps")])
def test_hires_cam_and_cam_are_grad_cam_where_an_average_and_a_linear_layer_follow(
    build: Callable[[], nn.Module], layer: str
) -> None:
    model = build().double()
    pictures = FAMILIES[0].pictures
    plain = raw(GradCam, model, pictures, layer, 1)
    assert difference(raw(HiResCam, model, pictures, layer, 1), plain) <= BOUND
    places = plain.shape[1] * plain.shape[2]
    assert difference(raw(ClassActivationMapping, model, pictures, layer, 1) / places, plain) <= BOUND


class Homogeneous(nn.Module):
    """Convolutions and ReLUs without a bias: twice the picture gives twice the logits."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(12)
        self.early = nn.Conv2d(3, 8, 3, 2, bias=False)
        self.late = nn.Conv2d(8, 8, 3, bias=False)
        self.head = nn.Linear(8, 5, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.late(self.early(inputs).relu()).relu()
        return self.head(maps.amax((2, 3)))


@pytest.mark.parametrize("layer", ["early", "late"])
def test_xgrad_cam_conserves_the_logit(layer: str) -> None:
    model = Homogeneous().double()
    pictures = FAMILIES[0].pictures
    logits = model(pictures)[:, TARGET]
    assert difference(raw(XGradCam, model, pictures, layer).sum((1, 2)), logits) <= BOUND


def test_xgrad_cam_is_sensitive_each_map_counts_what_the_logit_loses_without_it() -> None:
    model = Linear().double()
    pictures = FAMILIES[0].pictures
    # In a linear model Σ w A over the places is the logit's loss, so that both methods' maps differ by ΣA only.
    maps = model.maps(pictures).detach()
    losses = maps.mean((2, 3)) * model.classifier.weight[1]
    expected = torch.einsum("nk,nkhw->nhw", losses / maps.sum((2, 3)), maps)
    assert difference(raw(XGradCam, model, pictures, "maps", 1), expected.detach()) <= BOUND
    expected = torch.einsum("nk,nkhw->nhw", losses, maps)
    assert difference(raw(AblationCam, model, pictures, "maps", 1), expected.detach()) <= BOUND


def test_a_dead_map_has_no_weight_in_xgrad_cam() -> None:
    model = Linear().double()
    nn.init.zeros_(model.maps.weight[:2])
    assert raw(XGradCam, model, FAMILIES[0].pictures, "maps", 1).isfinite().all()


def test_maps_with_negative_numbers_get_a_word_where_the_formula_minds() -> None:
    model = resnet18()
    pictures = FAMILIES[0].pictures.float()
    for kind in GRADIENTS:
        minds = kind in (GradCamPlusPlus, XGradCam)
        assert ("non-negative" in kind(model)(pictures, "layer3.0.bn1")[1]["note"]) == minds
        assert "non-negative" not in kind(model)(pictures, "layer3")[1]["note"]


def test_where_the_average_makes_another_picture_grad_cam_says_so() -> None:
    method = GradCam(resnet18())
    maps = torch.tensor([1.0, 2, 3, 4]).reshape(1, 1, 2, 2)
    assert method.caution(maps, torch.full_like(maps, 0.3)) == ""
    assert "Do not rely on Grad-CAM here" in method.caution(
        maps, maps.flip(2, 3)
    )  # 4, 6, 6, 4 has nothing in common with 1, 2, 3, 4
    assert method.caution(torch.zeros_like(maps), maps) == ""  # nothing to compare


def test_hires_cam_in_front_of_a_layer_norm_is_nothing_and_says_so() -> None:
    model, pictures = vit(), FAMILIES[-1].pictures.float()
    for layer, cancels in (("encoder.layers.encoder_layer_1", True), ("encoder.layers.encoder_layer_2.ln_1", False)):
        assert ("cancel" in HiResCam(model)(pictures, layer)[1]["note"]) == cancels


# Readings


def test_cam_is_torchcams_and_its_average_and_the_bias_are_the_logit() -> None:
    for build, layer, head in ((resnet18, "layer4", "fc"), (bundled, "features", "classifier")):
        model = build().double()
        pictures = FAMILIES[0].pictures
        ours = raw(ClassActivationMapping, model, pictures, layer)
        with torchcam.methods.CAM(model, layer, head, (3, 96, 80)) as theirs:
            logits = model(pictures)
            assert difference(ours, theirs(TARGET, normalized=False)[0]) <= BOUND
        found = ours.mean((1, 2)) + model.get_parameter(f"{head}.bias")[TARGET]
        assert difference(found, logits[:, TARGET]) <= BOUND


def test_cam_of_a_one_by_one_convolution_that_is_averaged() -> None:
    torch.manual_seed(0)
    below, last = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()), nn.Conv2d(6, 4, 1)
    model = nn.Sequential(*below, last, nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    pictures = FAMILIES[0].pictures
    expected = F.conv2d(below(pictures), last.weight)[:, TARGET]
    assert difference(raw(ClassActivationMapping, model, pictures, "1"), expected.detach()) <= BOUND


@pytest.mark.parametrize(
    ("build", "layer", "hint"),
    [
        (resnet18, "layer3", "'layer4'"),
        (resnet18, "layer4.1.bn2", "'layer4'"),
        (densenet, "features", "Grad-CAM"),  # a functional ReLU comes between
        (squeezenet, "features", "Grad-CAM"),
        (convnext, "features", "Grad-CAM"),  # a norm comes between
    ],
)
def test_cam_is_refused_where_more_follows(build: Callable[[], nn.Module], layer: str, hint: str) -> None:
    with refused(culprit=layer, hint=hint):
        ClassActivationMapping(build())(FAMILIES[0].pictures.float(), layer)


def test_eigen_cam_of_multiples_of_one_map_is_that_map_with_the_sign_of_its_evidence() -> None:
    shape = torch.randn(1, 1, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shape[..., 2, 3] = -7
    convolution = nn.Conv2d(1, 3, 1, bias=False)
    model = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([2.0, -3, 6])[:, None, None, None])
    for picture in (shape, -shape):
        found = raw(EigenCam, model, picture, "0")
        weight = 6 if picture.mean() > 0 else -3  # of the likeliest class, of which one map is all the evidence
        expected = 7 * picture[0] * np.sign(float((picture * weight * picture).sum()))
        assert difference(found, expected) <= BOUND


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_eigen_cam_is_the_first_term_of_the_singular_value_decomposition(family: Family) -> None:
    ours = raw(EigenCam, family.model, family.pictures, family.layer)
    maps, slopes = by_hand(family.model, family, None)
    evidence = (maps * slopes).sum(1).numpy()
    for item, shares, found in zip(maps.numpy(), evidence, ours.numpy(), strict=True):
        left, values, _ = np.linalg.svd(item.reshape(len(item), -1).T, full_matrices=False)
        expected = (left[:, 0] * values[0]).reshape(found.shape)
        expected *= np.sign((expected * shares).sum())
        assert np.abs(found - expected).max() <= BOUND * np.abs(expected).max()


def test_eigen_cam_is_grad_cams_where_the_maps_are_centred_as_it_does() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 7, 5, 4), nn.InstanceNorm2d(7), nn.AdaptiveMaxPool2d(1), nn.Flatten()).double()
    pictures = FAMILIES[0].pictures
    maps = model[:2](pictures).detach().numpy()
    expected = torch.from_numpy(
        pytorch_grad_cam.EigenCAM(model, [model[1]]).get_cam_image(*[None] * 3, maps, None, False)
    )
    ours = raw(EigenCam, model, pictures, "1")
    signs = (ours * expected).sum((1, 2), keepdim=True).sign()
    assert difference(ours, (expected * signs).double()) <= 1e-6  # theirs is single


def test_eigen_cam_without_an_answer_says_that_its_sign_is_free() -> None:
    model = nn.Sequential(nn.Conv2d(3, 7, 5, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    for output, is_free in (("numbers", True), ("classes", False)):
        _, info = EigenCam(model, output=output)(FAMILIES[0].pictures, "0")
        assert ("sign is arbitrary" in info["note"]) is is_free
    peak = EigenCam(model, output="numbers")(FAMILIES[0].pictures, "0")[1]["raw"]
    assert (peak.amax((1, 2)) == peak.abs().amax((1, 2))).all()


# Trials


FEW_MAPS = [Family(bundled, "features.1", size=(48, 40)), Family(convnext, "features.3"), *TRANSFORMERS]


@pytest.mark.parametrize("family", FEW_MAPS, ids=str)
def test_score_cam_is_the_papers_loop(family: Family) -> None:
    maps = by_hand(family.model, family)[0][0]
    scores = []
    for mask in F.interpolate(maps[None], family.size, mode="bilinear", align_corners=False)[0]:
        span = mask.max() - mask.min()
        stretched = (mask - mask.min()) / (span or 1)  # of a flat map nothing is left
        with torch.no_grad():
            scores.append(family.model(family.pictures[:1] * stretched)[0, TARGET])
    expected = torch.einsum("k,khw->hw", torch.stack(scores).softmax(0), maps)
    assert difference(raw(ScoreCam, family.model, family.pictures[:1], family.layer)[0], expected) <= BOUND


def test_score_cam_is_torchcams_where_nothing_is_enlarged() -> None:
    # It stretches a map before it is enlarged, and the paper behind that: the same for maps of the picture's size.
    torch.manual_seed(0)
    layers_ = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU(), nn.Flatten()
    model = nn.Sequential(*layers_, nn.Linear(8 * 11 * 9, 5)).double()
    pictures = torch.randn(2, 3, 24, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    louder = loud(model, "1", 1e9)
    with torchcam.methods.ScoreCAM(louder, "1", input_shape=(3, 24, 20)) as theirs:
        louder(pictures)
        expected = theirs(TARGET, normalized=False)[0]
    assert difference(raw(ScoreCam, louder, pictures, "1"), expected) <= BOUND


ABLATED = [Family(resnet18, "layer1", size=(32, 24)), Family(squeezenet, "features.3", size=(48, 40)), *FEW_MAPS]


@pytest.mark.parametrize("family", ABLATED, ids=str)
def test_ablation_cam_is_what_captums_ablation_of_each_map_takes(family: Family) -> None:
    maps, _ = by_hand(family.model, family)
    output = View(family.model).capture(family.pictures, family.layer)
    # Each map is a group of its own; the tokens without a place are the group that is left over.
    groups = torch.full(output[:1].shape, maps.shape[1])
    family.maps(groups)[:] = torch.arange(maps.shape[1])[None, :, None, None]
    if family.layer.startswith("encoder"):
        groups[:, 1:] = torch.arange(maps.shape[1])
    with torch.no_grad():
        drops = LayerFeatureAblation(family.model, family.model.get_submodule(family.layer)).attribute(
            family.pictures, target=TARGET, layer_mask=groups, perturbations_per_eval=4
        )
    expected = torch.einsum("nk,nkhw->nhw", family.maps(drops)[..., 0, 0], maps)
    assert difference(raw(AblationCam, family.model, family.pictures, family.layer), expected) <= BOUND


class Beside(nn.Module):
    """Two convolutions beside each other, of which the first one's output is written into."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(13)
        self.first, self.second, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.first(inputs)
        maps += self.second(inputs)
        return self.head(maps.relu().mean((2, 3)))


@pytest.mark.parametrize(
    ("build", "layer"),
    [
        (Beside, "first"),
        (Beside, "second"),
        (Tricky, "relu"),  # called twice: it is the last call's output that is replaced
        (Tricky, "late"),
        (densenet, "features.denseblock2.denselayer3.conv1"),
        (squeezenet, "features.7.expand3x3"),  # what is beside it has run, or has not
        (squeezenet, "features.7.expand1x1"),
        (swin, "features.1.1.attn"),
        (vit, "encoder.layers.encoder_layer_1.mlp.0"),
        (vit, "conv_proj"),
    ],
)
@pytest.mark.parametrize("hooked", [False, True])
def test_what_lies_above_a_layer_is_the_model_with_that_layers_output_replaced(
    build: Callable[[], nn.Module], layer: str, hooked: bool
) -> None:
    model = build().double()
    for module in model.modules():
        if hooked and isinstance(
            module, nn.Conv2d | nn.Linear
        ):  # hooks of the model's own, which must act once and not twice
            module.register_forward_hook(lambda _module, _inputs, output: output * 1.5)
    picture = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    view = View(model)
    output = view.capture(picture, layer)
    noise = torch.randn(3, *output.shape[1:], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = view.run_from(picture, layer)(output + noise)
    times = view.calls[layer].times
    calls: list[int] = []

    def replace(_module: nn.Module, _inputs: object, _output: Tensor) -> Tensor | None:
        calls.append(1)
        return output + noise if len(calls) == times else None

    model.get_submodule(layer).register_forward_hook(replace)
    assert difference(found, model(picture.repeat(3, 1, 1, 1)).detach()) <= BOUND
    assert view.is_unchanged()
    assert not any("forward" in vars(module) for module in view.modules.values())


class Gated(nn.Module):
    """A first layer's output, left where `leave` puts it, opens a gate behind the layer `middle`."""

    def __init__(self, leave: str) -> None:
        super().__init__()
        torch.manual_seed(14)
        self.first, self.middle = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.gate, self.head = nn.Conv2d(4, 6, 1), nn.Linear(6, 5)
        self.leave = leave
        self.left: list[Tensor] = []
        if leave == "hook":
            self.first.register_forward_hook(lambda _module, _inputs, output: self.left.append(output))

    def forward(self, inputs: Tensor) -> Tensor:
        self.left.clear()
        first = self.first(inputs)
        if self.leave == "list":
            self.left.append(first)
        if self.leave == "attribute":
            self.kept = first
        middle = self.middle(first.relu()).relu()
        kept = {"variable": lambda: first, "attribute": lambda: self.kept}.get(self.leave, lambda: self.left[0])()
        return self.head((middle * self.gate(kept)).mean((2, 3)))


@pytest.mark.parametrize("leave", ["hook", "list", "attribute"])
def test_what_a_layer_leaves_behind_is_there_for_the_layers_above(leave: str) -> None:
    pictures = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = raw(AblationCam, Gated("variable").double().eval(), pictures, "middle")
    assert expected.any()
    assert difference(raw(AblationCam, Gated(leave).double().eval(), pictures, "middle"), expected) <= BOUND


class Counting(nn.Module):
    """Three maps, of which the second is dead and the third flat, and a count of the pictures that came by."""

    seen = 0

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps = nn.Conv2d(3, 3, 1, bias=False)
        self.head = nn.Linear(3, 5)
        nn.init.zeros_(self.maps.weight[1:])
        self.offset = torch.tensor([0.0, 0, 1])[:, None, None]
        self.live = nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        Counting.seen += len(inputs)
        return self.head(self.live(self.maps(inputs) + self.offset).mean((2, 3)))


@pytest.mark.parametrize(("kind", "trials"), [(ScoreCam, 1), (AblationCam, 2)])
def test_a_dead_map_costs_nothing(kind: Kind, trials: int) -> None:
    model, pictures = Counting(), torch.randn(1, 3, 8, 8)
    flat = copy.deepcopy(model)
    nn.init.zeros_(flat.maps.weight)
    flat.offset.zero_()
    counts = []
    for network in (model, flat):
        visualisation = kind(network)
        visualisation(pictures, "live")  # what the model is like is found out once
        Counting.seen = 0
        assert visualisation(pictures, "live")[1]["raw"].isfinite().all()
        counts.append(Counting.seen)
    assert counts[0] - counts[1] == trials


@pytest.mark.parametrize("kind", [ScoreCam, AblationCam])
def test_the_frames_of_a_trial_are_the_maps_tried_so_far(kind: Kind) -> None:
    family = Family(convnext, "features.3")
    visualisation = kind(family.model)
    found = list(visualisation.attribute(family.pictures, family.layer, target_class=TARGET))
    progress = [frame.info["progress"] for frame in found]
    assert len(found) >= 2 * 32 / SIZES["cpu"]
    assert progress == sorted(progress)
    assert 0 < progress[0] < progress[-1] == 1
    assert torch.equal(found[-1].raw, raw(kind, family.model, family.pictures, family.layer))
    assert all(frame.info["target_class"] == [TARGET, TARGET] for frame in found)
    assert len({frame.raw.numpy().tobytes() for frame in found}) >= len(found) - 1  # the last adds but its word


def test_the_first_frame_of_ablation_cam_holds_the_first_maps() -> None:
    family = Family(convnext, "features.3")
    first = next(AblationCam(family.model).attribute(family.pictures, family.layer, target_class=TARGET)).raw
    maps, _ = by_hand(family.model, family)
    view = View(family.model)
    whole = family.model(family.pictures[:1])[0, TARGET]
    above = view.run_from(family.pictures[:1], family.layer)
    expected = torch.zeros_like(first)
    for number in range(SIZES["cpu"]):
        without = maps[:1].clone()
        without[:, number] = 0
        expected[0] += (whole.detach() - above(without)[0, TARGET]) * maps[0, number]
    assert difference(first, expected) <= BOUND


# All of them


@pytest.mark.parametrize("size", [(96, 160), (160, 96), (97, 203)])
@pytest.mark.parametrize("place", [(0.15, 0.8), (0.7, 0.2)])
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_the_map_lies_where_the_evidence_was_planted(
    kind: Kind, size: tuple[int, int], place: tuple[float, float]
) -> None:
    height, width = size
    down, right = int(height * place[0]), int(width * place[1])
    planted = torch.zeros(1, 3, height, width, dtype=torch.float64)
    planted[..., down : down + 8, right : right + 8] = 1
    model = nn.Sequential(nn.Conv2d(3, 1, 8, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 4))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    nn.init.zeros_(model[0].bias)  # type: ignore[arg-type]
    params = {} if kind is EigenCam else {"target_class": TARGET}
    images, _ = kind(model.double())(planted, "0", show="map", **params)
    assert _near(images, (down, right), width)


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
@pytest.mark.parametrize("size", [(96, 160), (160, 96), (64, 64)])
@pytest.mark.parametrize("kind", [*GRADIENTS, EigenCam, ScoreCam, AblationCam], ids=lambda kind: kind.__name__)
def test_the_map_of_tokens_lies_where_the_evidence_was_planted(kind: Kind, size: tuple[int, int], prefix: int) -> None:
    model = Tokens(prefix).double()
    for name, parameter in model.named_parameters():
        if "extra" not in name:
            nn.init.constant_(parameter, 0.1 if "weight" in name else 0)
    height, width = size
    planted = torch.zeros(1, 3, height, width, dtype=torch.float64)
    planted[..., 8:16, width - 24 : width - 16] = 1
    params = {} if kind is EigenCam else {"target_class": TARGET}
    images, info = kind(model)(planted, "block", show="map", **params)
    assert info["raw"].shape == (1, height // 8, width // 8)
    assert _near(images, (8, width - 24), width)


def _near(images: Tensor, place: tuple[int, int], width: int) -> bool:
    peak = int(images[0, 0].argmax())
    return abs(peak // width - (place[0] + 3.5)) <= 8 and abs(peak % width - (place[1] + 3.5)) <= 8  # one cell


@pytest.mark.parametrize("family", [FEW_MAPS[0], *TRANSFORMERS[1:3]], ids=str)
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_item_of_a_batch_is_the_item_alone(kind: Kind, family: Family) -> None:
    family = Family(bundled, "features") if kind is ClassActivationMapping else family
    batch = raw(kind, family.model, family.pictures, family.layer, None)
    for number in range(2):
        alone = raw(kind, family.model, family.pictures[number : number + 1], family.layer, None)
        assert difference(batch[number], alone[0]) <= 1e-9


# Behind the last attention


@pytest.mark.parametrize(
    "layer", ["encoder.layers.encoder_layer_2", "encoder.ln", "encoder.layers.encoder_layer_2.mlp"]
)
@pytest.mark.parametrize("kind", GRADIENTS, ids=lambda kind: kind.__name__)
def test_behind_the_last_attention_only_the_class_token_counts_and_the_layer_to_take_is_named(
    kind: Kind, layer: str
) -> None:
    model, pictures = vit(), torch.randn(2, 3, 64, 64)
    with refused(culprit=layer, hint="'encoder.layers.encoder_layer_2.ln_1'"):
        kind(model)(pictures, layer)
    assert kind(model)(pictures, "encoder.layers.encoder_layer_2.ln_1")[1]["raw"].any()


def test_a_trial_of_maps_that_nothing_reads_comes_with_a_word() -> None:
    info = AblationCam(vit())(torch.randn(1, 3, 64, 64), "encoder.layers.encoder_layer_2")[1]
    assert "leaves the target's score unchanged" in info["note"]
    flat = Linear()
    nn.init.zeros_(flat.maps.weight)
    info = ScoreCam(flat)(torch.randn(1, 3, 8, 8), "maps")[1]
    assert "constant" in info["note"]
    assert info["progress"] == 1


# Micro-batches


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("too large"), MemoryError()])
def test_where_memory_is_short_batches_are_halved(error: Exception) -> None:
    def work(span: slice) -> list[int]:
        if span.stop - span.start > 3:
            raise error
        return list(range(20))[span]

    found = list(in_batches(work, 20))
    assert [number for _, _, numbers in found for number in numbers] == list(range(20))
    assert [span.stop - span.start for _, span, _ in found] == [2] * 10
    assert [progress for progress, _, _ in found] == [(number + 1) / 10 for number in range(10)]


def test_what_never_fits_is_one_sentence_and_other_errors_are_not_swallowed() -> None:
    with refused(hint="a smaller picture"):
        list(in_batches(lambda span: torch.empty(10**15), 3))  # the CPU's own words
    with pytest.raises(RuntimeError, match="another"):
        list(in_batches(_fail, 3))
    assert list(in_batches(_fail, 0)) == []


def _fail(span: slice) -> None:
    raise RuntimeError("another")
