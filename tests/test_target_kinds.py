"""Differences, what lowers a score, means over regions, and functions: equal to plain autograd."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest
import pytorch_grad_cam  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights

from mirror_app import targets
from mirror_app.probe import View
from mirror_app.targets import Target
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import LRP, ClassActivationMapping, FinerCam, GradCam, Gradient, Rise
from mirror_app.visualisations.core.cam.finer_cam import most_similar
from mirror_app.visualisations.core.target_score import TargetScore
from tests.families import swin, vit
from tests.networks import TARGETED, Linear, bundled, quick, resnet18, state
from tests.refused import Fields, refused
from tests.test_targets import PICTURES, Answering

IMAGENET = ResNet18_Weights.DEFAULT.meta["categories"]
BOUND = 1e-10

KINDS: dict[str, tuple[Callable[[Tensor, Tensor], Any], Any, Callable[[Tensor, Tensor], Tensor]]] = {
    "difference": (lambda _, logits: logits, "2 - 1", lambda _, logits: logits[:, 2] - logits[:, 1]),
    "down": (lambda _, logits: logits, "2 down", lambda _, logits: -logits[:, 2]),
    "difference down": (lambda _, logits: logits, "2 - 1 down", lambda _, logits: logits[:, 1] - logits[:, 2]),
    "difference at a location": (
        lambda maps, _: {"out": maps},
        ":out:1@5,7 - :out:3@5,7",
        lambda maps, _: maps[:, 1, 5, 7] - maps[:, 3, 5, 7],
    ),
    "rectangle": (lambda maps, _: maps, ":2@3-9,5-30", lambda maps, _: maps[:, 2, 3:10, 5:31].mean((1, 2))),
    "one location": (lambda maps, _: maps, ":2@3-3,5-5", lambda maps, _: maps[:, 2, 3, 5]),
    "function": (
        lambda maps, logits: {"maps": maps, "y": logits},
        lambda output: output["y"][:, 0] * output["maps"][:, 1, 2, 3],
        lambda maps, logits: logits[:, 0] * maps[:, 1, 2, 3],
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_target_is_what_plain_autograd_gives(kind: Any) -> None:
    build, target, expected = kind
    model = Answering(build).double()
    leaf = PICTURES.clone().requires_grad_()
    maps = model.features(leaf)
    (slope,) = torch.autograd.grad(expected(maps, maps.mean((2, 3))).sum(), leaf)
    before = state(model)
    _, info = Gradient(model)(PICTURES, target_class=target)
    assert (info["raw"] - slope).abs().max() <= BOUND * slope.abs().max()
    assert "target_class" not in info
    assert info["target"]
    assert state(model) == before


def test_the_region_where_a_class_is_predicted_is_that_of_the_unchanged_picture() -> None:
    model, picture = Answering(lambda maps, _: {"out": maps}).double(), PICTURES[:1]
    leaf = picture.clone().requires_grad_()
    maps = model.features(leaf)
    region = maps[0].argmax(0) == 2
    assert 0 < region.sum() < region.numel()
    (slope,) = torch.autograd.grad(maps[0, 2, region].mean(), leaf)
    _, info = Gradient(model)(picture, target_class=":out:2@predicted")
    assert (info["raw"] - slope).abs().max() <= BOUND * slope.abs().max()
    target_score = TargetScore(View(model), picture, ":out:2@predicted")
    changed = model.features(-picture)[0, 2, region].mean()
    assert torch.allclose(target_score.predict(-picture)[0, 2], changed)
    with refused(culprit=":out:2@predicted", accepted="one picture"):
        Gradient(model)(PICTURES, target_class=":out:2@predicted")
    nowhere = Answering(lambda maps, _: torch.cat([maps, maps.amin(1, keepdim=True) - 1], 1)).double()
    with refused(culprit=":4@predicted", accepted="predicted nowhere"):
        Gradient(nowhere)(picture, target_class=":4@predicted")


@pytest.mark.parametrize("entry", [*TARGETED, registry.get("cam")], ids=attrgetter("key"))
def test_every_method_takes_a_difference_as_the_class_of_a_model_that_answers_with_it(entry: registry.Entry) -> None:
    class Differing(nn.Module):
        """Has the difference of two logits as a channel of its last layer."""

        def __init__(self, whole: nn.Module) -> None:
            super().__init__()
            self.whole = whole
            self.difference = nn.Linear(32, 1, bias=False, dtype=torch.float64)
            self.difference.weight.data = torch.zeros(1, 32, dtype=torch.float64)
            self.difference.weight.data[0, 1:3] = torch.tensor([-1.0, 1])

        def forward(self, inputs: Tensor) -> Tensor:
            scores: Tensor = self.difference(self.whole(inputs))
            return scores

    model, values, pictures = bundled().double(), quick(entry), PICTURES[:, :, :32, :32]
    method = entry.kind(model)
    _, info = method(pictures, "features", target_class="2 - 1", **values)
    if entry.kind in (ClassActivationMapping, LRP):  # these depend on the layers behind the logits
        first, second = (method(pictures, "features", target_class=target, **values)[1]["raw"] for target in (2, 1))
        expected = first - second
    else:
        differing = entry.kind(Differing(bundled().double()))
        expected = differing(pictures, "whole.features", target_class="difference:0", **values)[1]["raw"]
    scale = max(float(expected.abs().max()), 1e-300)
    assert (info["raw"] - expected).abs().max() <= BOUND * scale


def test_channels_of_a_layer_differ_and_tokens_have_rectangles() -> None:
    cases: list[tuple[Callable[[], nn.Module], str, tuple[int, int], Callable[[Tensor], Tensor]]] = [
        (vit, "encoder.layers.encoder_layer_1", (64, 64), lambda output: output[:, 1:].unflatten(1, (4, 4))),
        (swin, "features.3", (96, 80), lambda output: output),
    ]
    for build, layer, size, read in cases:
        model = build().double()
        pictures = torch.randn(2, 3, *size, dtype=torch.float64)
        maps = read(View(model).capture(pictures, layer)).permute(0, 3, 1, 2)
        for target, expected in (
            (f"{layer}:7@1-3,0-2", maps[:, 7, 1:4, 0:3].mean((1, 2))),
            (f"{layer}:7@2,1 - {layer}:3@2,1", maps[:, 7, 2, 1] - maps[:, 3, 2, 1]),
        ):
            target_score = TargetScore(View(model), pictures, target)
            answers = target_score.predict(pictures)
            assert torch.allclose(target_score.score(answers, target_score.chosen(answers)), expected, atol=1e-14)


def test_rise_explains_the_logits_of_a_difference() -> None:
    model = Linear(classes=3).double()
    picture = PICTURES[:1, :, :16, :16]
    _, info = Rise(model)(picture, target_class="2 - 1", n=100)
    _, other = Rise(model)(picture, target_class="1 - 2", n=100)
    assert torch.allclose(info["raw"], -other["raw"])


# Their weights have 1e-9 in the denominator, which is too much where the compared classes are very unlikely.
@pytest.mark.parametrize(("build", "target"), [(resnet18, None), (resnet18, 3), (bundled, None)])
@pytest.mark.parametrize("contrast", [0.5, 1.0])
def test_finer_cam_is_pytorch_grad_cams(build: Callable[[], nn.Module], contrast: float, target: int | None) -> None:
    model, layer = build().double(), "layer4" if build is resnet18 else "features"
    module = model.get_submodule(layer)
    theirs = pytorch_grad_cam.FinerCAM(model, [module])
    base, found = theirs.base_cam, []
    base.compute_cam_per_layer = lambda inputs, _targets, smooth: found.append(
        base.get_cam_image(
            inputs,
            module,
            None,
            base.activations_and_grads.activations[0].numpy(),
            base.activations_and_grads.gradients[0].numpy(),
            smooth,
        )
    )
    base.aggregate_multi_layers = lambda _: None
    theirs(PICTURES, target_idx=target, alpha=contrast)
    expected = torch.from_numpy(found[0])
    _, info = FinerCam(build().double())(PICTURES, layer, target_class=target, contrast=contrast)
    assert (info["raw"] - expected).abs().max() <= 1e-7 * expected.abs().max()


def test_finer_cam_without_contrast_is_grad_cam_and_names_what_it_compares() -> None:
    model = resnet18().double()
    _, info = FinerCam(model)(PICTURES, "layer4", target_class=3, contrast=0)
    _, grad_cam = GradCam(model)(PICTURES, "layer4", target_class=3)
    assert torch.allclose(info["raw"], grad_cam["raw"], atol=1e-14)
    logits = torch.tensor([[1.0, 5, 4, 0, 6.5], [0, 0, 0, 0, 0]])
    assert most_similar(logits, torch.tensor([1, 2]), 3).tolist() == [[2, 4, 0], [0, 1, 3]]
    assert most_similar(logits, torch.tensor([1, 2]), 9).shape == (2, 4)
    for other, layer, target in ((Linear(classes=1), "maps", 0), (model, "layer4", "2 - 1"), (model, "layer4", "fc:2")):
        with refused(culprit=str(target), accepted="one of several classes"):
            FinerCam(other.double())(PICTURES, layer, target_class=target)


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("281 - 282", Target(channel=281, minus=282), "class 281 minus class 282"),
        ("207 down", Target(channel=207, is_down=True), "what lowers class 207"),
        ("1 - 2 down", Target(channel=1, minus=2, is_down=True), "what lowers class 1 minus class 2"),
        ("a.b:3 - a.b:5", Target("a.b", (), 3, minus=5), "channel 3 minus 5 of a.b"),
        (
            ":out:1@2,3 - :out:4@2,3",
            Target("", ("out",), 1, (2, 3), minus=4),
            "channel 1 minus 4 of the output “out” in row 2, column 3",
        ),
        (
            "a:3@4-7,5-9",
            Target("a", (), 3, rectangle=((4, 7), (5, 9))),
            "channel 3 of a in rows 4 to 7, columns 5 to 9",
        ),
        (
            ":out:15@predicted",
            Target("", ("out",), 15, in_prediction=True),
            "channel 15 of the output “out” where it is predicted",
        ),
        ("x - y:3", Target("x - y", (), 3), "channel 3 of x - y"),
    ],
)
def test_the_grammar_is_one_to_one(text: str, target: Target, words: str) -> None:
    assert targets.parse(text) == target
    assert str(target) == text
    assert target.description == words


@pytest.mark.parametrize(
    "text",
    ["-1", "- 1", "1 -", "1 - 2 - 3", "down", "1 down down", "1  - 2", "3@4", "a:3@5-4,1-2", "a:3@1-2", "a:1@predicte"],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with refused(culprit=text, accepted="a class number"):
        targets.parse(text)


@pytest.mark.parametrize("text", ["1 - 1", "1 - a:1", "a:1 - b:1", "a:1@2,3 - a:4@2,4", "a:1 - a:2@0,0"])
def test_unlike_numbers_have_no_difference(text: str) -> None:
    with refused(culprit=text, accepted="two channels of the same layer", hint="281 - 282"):
        targets.parse(text)


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("0 - 4", {"culprit": "4", "accepted": "0 to 3"}),
        ("features.0:1 - features.0:6", {"culprit": "features.0:1 - features.0:6", "accepted": "from 0 to 5"}),
        ("features.0:1@0-64,0-1", {"accepted": "rows run from 0 to 63"}),
        (lambda logits: logits, {"accepted": "a tensor (N,)", "hint": "output[:, 3]"}),
        (lambda _: 3.0, {"accepted": "a tensor (N,)", "problem": "a float"}),
    ],
)
def test_a_target_that_does_not_exist_is_refused(target: Any, fields: Fields) -> None:
    model = Answering(lambda _, logits: logits).double()
    before = state(model)
    with refused(**fields):
        Gradient(model)(PICTURES, target_class=target)
    assert state(model) == before


def test_all_names_of_imagenet_become_their_numbers_alone_and_in_differences() -> None:
    for name in IMAGENET:
        number = IMAGENET.index(name)
        assert targets.with_numbers(name, IMAGENET) == str(number)
        assert targets.with_numbers(f'"{name}"', IMAGENET) == str(number)
        assert targets.with_numbers(f"{name} - {IMAGENET[3]} down", IMAGENET) == f"{number} - 3 down"
        assert targets.with_numbers(f'{IMAGENET[3]} - "{name}"', IMAGENET) == f"3 - {number}"


def test_names_may_look_like_targets() -> None:
    names = ["3", "a - b", "eider down", "b"]
    assert targets.with_numbers("3", names) == "0"
    assert targets.with_numbers("a - b", names) == "1"
    assert targets.with_numbers('"a - b" - b', names) == "1 - 3"
    assert targets.with_numbers("eider down", names) == "2"
    assert targets.with_numbers("b down", names) == "3 down"
    assert targets.with_numbers("eider", names) == "2"
    assert targets.with_numbers("eider", names, whole_names=True) == "eider"
    assert targets.with_numbers("features:2", names) == "features:2"
