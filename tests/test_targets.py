"""What is asked of a model: the grammar of targets, and that the number meant is the number that is looked into."""

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torchvision.models import detection, segmentation

from mirror_app import probe, targets
from mirror_app.probe import View
from mirror_app.probe.outputs import class_logits, describe_output
from mirror_app.targets import Target
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import GradCam, Gradient, Occlusion, Rise
from mirror_app.visualisations.core.gradients.back_prop import gradient
from mirror_app.visualisations.core.target_score import TargetScore
from tests.families import swin, vit
from tests.networks import TARGETED, Tricky, bundled, densenet, quick, resnet18, squeezenet, state
from tests.refused import Fields, refused

PICTURES = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Answering(nn.Module):
    """A network whose output is what `form` makes of its maps (N, 4, h, w) and of its logits (N, 4)."""

    def __init__(self, form: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1))
        self.form = form

    def forward(self, inputs: Tensor) -> Any:
        maps = self.features(inputs)
        return self.form(maps, maps.mean((2, 3)))


FORMS: dict[str, tuple[Callable[[Tensor, Tensor], Any], int | str, Callable[[Tensor, Tensor], Tensor]]] = {
    "logits": (lambda maps, logits: logits, 2, lambda maps, logits: logits[:, 2]),
    "maps": (lambda maps, logits: maps, 2, lambda maps, logits: maps[:, 2].sum((1, 2))),
    "pixel": (lambda maps, logits: maps, ":2@5,7", lambda maps, logits: maps[:, 2, 5, 7]),
    "dict": (lambda maps, logits: {"maps": maps, "y": logits}, ":y:2", lambda maps, logits: logits[:, 2]),
    "dict pixel": (lambda maps, logits: {"out": maps}, ":out:1@5,7", lambda maps, logits: maps[:, 1, 5, 7]),
    "lone logits": (lambda maps, logits: {"maps": maps, "y": logits}, 2, lambda maps, logits: logits[:, 2]),
    "tuple": (lambda maps, logits: (maps, [maps, logits]), ":1:0:3", lambda maps, logits: maps[:, 3].sum((1, 2))),
    "boxes": (
        lambda maps, logits: [{"n": torch.arange(4), "boxes": each.T} for each in maps.flatten(2)],
        ":boxes:9@1",
        lambda maps, logits: maps.flatten(2)[:, 1, 9],
    ),
    "number": (lambda maps, logits: logits[:, 1], 0, lambda maps, logits: logits[:, 1]),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_target_is_the_number_that_it_names(form: Any) -> None:
    build, target, expected = form
    model = Answering(build).double()
    leaf = PICTURES.clone().requires_grad_()
    maps = model.features(leaf)
    (slope,) = torch.autograd.grad(expected(maps, maps.mean((2, 3))).sum(), leaf)
    before = state(model)
    _, info = Gradient(model)(PICTURES, target_class=target)
    assert torch.equal(info["raw"], slope)
    assert state(model) == before


# The axes of length 1, and a list around everything, hide no class.
ONE_ANSWER: dict[str, tuple[Callable[[Tensor, Tensor], Any], int | str]] = {
    "(N, 1, C)": (lambda maps, logits: logits[:, None], 2),
    "(1, N, C)": (lambda maps, logits: logits[None], 2),
    "(N, C, 1, 1)": (lambda maps, logits: logits[:, :, None, None], 2),
    "(N, 1, C) in a dictionary": (lambda maps, logits: {"logits": logits[:, None]}, ":logits:2"),
    "a list of one dictionary": (lambda maps, logits: [{"logits": logits}], 2),
    "a list of one dictionary, by name": (lambda maps, logits: [{"logits": logits}], ":logits:2"),
    "a tuple of one dictionary of two": (lambda maps, logits: ({"logits": logits, "aux": -logits},), ":logits:2"),
}


@pytest.mark.parametrize(("form", "target"), ONE_ANSWER.values(), ids=ONE_ANSWER)
def test_a_class_is_its_logit_whatever_axes_of_one_there_are(form: Any, target: int | str) -> None:
    model = Answering(form).double()
    leaf = PICTURES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.features(leaf).mean((2, 3))[:, 2].sum(), leaf)
    assert torch.allclose(Gradient(model)(PICTURES, target_class=target)[1]["raw"], slope, atol=1e-15)
    assert torch.allclose(Gradient(model)(PICTURES[:1], target_class=target)[1]["raw"], slope[:1], atol=1e-15)


def _several_of(logits: Tensor) -> Tensor:
    """Four answers (N, 4, C) for each picture, each of its own."""
    return torch.stack([(1 + number) * logits for number in range(4)], 1)


SEVERAL: dict[str, tuple[Callable[[Tensor, Tensor], Any], int | str | None]] = {
    "members of an ensemble (N, M, C)": (lambda maps, logits: _several_of(logits), 2),
    "members, the most likely class": (lambda maps, logits: _several_of(logits), None),
    "crops (3 N, C)": (lambda maps, logits: logits.repeat(3, 1), 2),
    "two numbers a label (N, L, 2)": (lambda maps, logits: torch.stack([logits, -logits], 2), 3),
    "members and numbers (N, M, C, 1)": (lambda maps, logits: _several_of(logits)[..., None], 2),
    "members in a dictionary": (lambda maps, logits: {"logits": _several_of(logits)}, ":logits:2"),
    "volumes (N, C, D, H, W)": (lambda maps, logits: torch.stack([maps, -maps], 2), 2),
    "a list of dictionaries by picture": (lambda maps, logits: [{"a": each[None]} for each in _several_of(logits)], 2),
}


@pytest.mark.parametrize(("form", "target"), SEVERAL.values(), ids=SEVERAL)
def test_of_several_answers_for_a_picture_none_is_summed_and_the_advice_is_one_number(form: Any, target: Any) -> None:
    model, picture = Answering(form).double(), PICTURES[:1]
    with refused(hint="':") as caught:
        Gradient(model)(picture, target_class=target)
    (advised,) = re.findall(r"(?:in the target|such as) '(:[^']+)'", caught.value.hint)
    raw = Gradient(model)(picture, target_class=advised)[1]["raw"]
    leaf = picture.clone().requires_grad_()
    numbers = torch.cat([part.flatten() for part in tree_leaves(model(leaf))])
    slopes = (torch.autograd.grad(number, leaf, retain_graph=True)[0] for number in numbers[:200])
    assert any(torch.allclose(raw, slope, atol=1e-15) for slope in slopes)


@pytest.mark.parametrize("guide", [False, True])
@pytest.mark.parametrize(
    ("build", "layer"),
    [(resnet18, "layer3"), (squeezenet, "features.7"), (densenet, "features.denseblock2"), (bundled, "features.3")],
)
def test_a_unit_of_a_layer_is_captums(build: Callable[[], nn.Module], layer: str, guide: bool) -> None:
    model = build().double()
    kind = captum.attr.NeuronGuidedBackprop if guide else captum.attr.NeuronGradient
    reference = build().double()
    theirs: Any = kind(reference, reference.get_submodule(layer))
    channel = int(View(model).capture(PICTURES, layer)[0, :, 1, 2].argmax())
    expected = theirs.attribute(PICTURES.clone().requires_grad_(), neuron_selector=(channel, 1, 2))
    target_score = TargetScore(View(model), PICTURES, f"{layer}:{channel}@1,2")
    ours, _ = gradient(target_score, PICTURES, rewrite=probe.guide if guide else None)
    assert expected.any()
    assert (ours - expected).abs().max() <= 1e-10 * expected.abs().max()


@pytest.mark.parametrize("entry", TARGETED, ids=attrgetter("key"))
def test_a_channel_is_its_model_cut_off_there(entry: registry.Entry) -> None:
    """Whoever cuts the network off behind the layer, and averages its map, has the channel as a class."""
    model = resnet18()
    trunk = nn.Sequential(*list(model.children())[:6])

    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = trunk

        def forward(self, inputs: Tensor) -> Any:
            maps = self.trunk(inputs)
            return {"sum": maps.sum((2, 3)), "whole": maps}

    pictures, values = PICTURES.float(), quick(entry)
    images, info = entry.kind(model)(pictures, "layer1", target_class="layer2:5", **values)
    _, cut = entry.kind(Cut())(pictures, "trunk.4", target_class=":sum:5", **values)
    assert info["target"] == "channel 5 of layer2"
    assert images.isfinite().all()
    assert torch.allclose(info["raw"], cut["raw"], rtol=1e-4, atol=1e-5 * float(cut["raw"].abs().max()))


def test_no_pass_goes_further_than_the_layer_that_is_asked() -> None:
    model = Tricky().double()
    view = View(model)
    target_score = TargetScore(view, PICTURES, "late:1")
    target_score.predict(PICTURES)  # learns how often each layer is called
    ran: list[str] = []
    for name, module in view.modules.items():
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    target_score.predict(PICTURES)
    target_score.output(PICTURES)
    target_score.split(PICTURES, "early")
    assert set(ran) == {"early", "relu", "late"}


def test_tokens_and_channels_last_have_places_too() -> None:
    cases: list[tuple[Callable[[], nn.Module], str, tuple[int, int], Callable[[Tensor], Tensor]]] = [
        (vit, "encoder.layers.encoder_layer_1", (64, 64), lambda output: output[:, 1 + 2 * 4 + 3, 7]),
        (swin, "features.3", (96, 80), lambda output: output[:, 2, 3, 7]),
    ]
    for build, layer, size, read in cases:
        model = build().double()
        pictures = torch.randn(2, 3, *size, dtype=torch.float64)
        expected = read(View(model).capture(pictures, layer))
        target_score = TargetScore(View(model), pictures, f"{layer}:7@2,3")
        answers = target_score.predict(pictures)
        assert torch.equal(target_score.score(answers, target_score.chosen(answers)), expected)


def test_a_token_has_a_number_where_its_row_and_column_are_not_known() -> None:
    model = vit().double()
    pictures = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    target_score = TargetScore(View(model), pictures, "encoder:5@0")
    assert torch.equal(target_score.predict(pictures), View(model).capture(pictures, "encoder")[:, 0])


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("late:8", {"culprit": "late:8", "accepted": "channels run from 0 to 7"}),
        ("late:1@64,0", {"culprit": "late:1@64,0", "accepted": "rows run from 0 to 63, columns from 0 to 47"}),
        ("late:1@3", {"culprit": "late:1@3", "accepted": "64 × 48"}),
        ("lat:1", {"culprit": "lat", "accepted": ["late", "classifier"], "hint": "'late'"}),
        ("late:x:1", {"culprit": "x", "problem": "a single tensor"}),
        ("spare:1", {"culprit": "spare", "hint": "a layer that runs"}),
        (":9", {"culprit": "9", "accepted": "0 to 4"}),
        ("classifier:1@0", {"culprit": "classifier:1@0", "accepted": "no positions"}),
    ],
)
def test_a_target_that_is_not_there_is_told_in_a_sentence(target: str, fields: Fields) -> None:
    model = Tricky().double()
    before = state(model)
    with refused(**fields):
        Gradient(model)(PICTURES, target_class=target)
    assert state(model) == before


def test_what_the_target_does_not_depend_on_is_told_with_a_layer_that_it_does() -> None:
    with refused(culprit="layer3", hint="'layer1.1.conv2'"):
        GradCam(resnet18())(PICTURES.float(), "layer3", target_class="layer1:3")
    model = Answering(lambda maps, logits: {"a": logits, "b": logits})
    with refused(culprit="a 4, b 4", hint="a target such as ':a:0'"):
        Gradient(model)(PICTURES.float())
    with refused(culprit="4 × 64 × 48", accepted="one logit per class", hint="':3@0,0'"):
        Gradient(Answering(lambda maps, logits: {"out": maps}))(PICTURES.float())


@pytest.mark.minutes
def test_segmentation_and_detection_of_torchvision() -> None:
    torch.manual_seed(0)
    plain = {"weights": None, "weights_backbone": None, "num_classes": 4}
    parts = segmentation.lraspp_mobilenet_v3_large(**plain).eval()
    boxes = detection.ssdlite320_mobilenet_v3_large(**plain, score_thresh=0.0).eval()
    for model, target, layer in (
        (parts, ":out:3@20,11", "backbone.16"),
        (boxes, ":scores:0", "backbone.features.0"),
    ):
        images, info = GradCam(model)(PICTURES.float(), layer, target_class=target)
        _, alone = GradCam(model)(PICTURES[1:].float(), layer, target_class=target)
        assert images.shape == (2, 3, 64, 48)
        assert info["raw"].any()
        assert torch.allclose(info["raw"][1:], alone["raw"], rtol=1e-3, atol=1e-3 * float(alone["raw"].abs().max()))


def test_a_box_that_a_mask_hides_counts_nothing() -> None:
    def form(maps: Tensor, logits: Tensor) -> list[dict[str, Tensor]]:
        return [{"scores": each[each > 0.05].sort(descending=True)[0]} for each in maps[:, 0].flatten(1).relu()]

    model = Answering(form)
    picture = torch.zeros(1, 3, 24, 24)
    picture[:, :, 4:12, 4:12] = 2
    for info in (
        Occlusion(model)(picture, target_class=":scores:0", patch=8, stride=4)[1],
        Rise(model)(picture, target_class=":scores:0", n=100)[1],
    ):
        assert info["raw"][0, 4:12, 4:12].mean() > info["raw"][0, 16:, 16:].mean()
    with refused(culprit=":scores:0", accepted="empty for this picture"):
        Occlusion(Answering(lambda maps, _: [{"scores": maps[0, 0, 0, :0]}]))(picture, target_class=":scores:0")


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("207", Target(channel=207), "class 207"),
        ("features.8:3", Target("features.8", (), 3), "channel 3 of features.8"),
        ("features.8:3@4,5", Target("features.8", (), 3, (4, 5)), "channel 3 of features.8 in row 4, column 5"),
        (":out:15@12,80", Target("", ("out",), 15, (12, 80)), "channel 15 of the output “out” in row 12, column 80"),
        (":boxes:0@2", Target("", ("boxes",), 0, (2,)), "item 0 of the output “boxes” at 2"),
        (":1:0:3", Target("", ("1", "0"), 3), "item 3 of the output “1:0”"),
    ],
)
def test_the_grammar_is_one_to_one(text: str, target: Target, words: str) -> None:
    assert targets.parse(text) == target
    assert str(target) == text
    assert target.description == words
    assert targets.parse(f":{target.channel}") == Target(channel=target.channel)


@pytest.mark.parametrize(
    "text", ["", ":", "a:", "a:b", "3@1", "a:-1", "a:1@", "a:1@2,", "a:1@1,2,3,4,5", "a:½", "a:" + "9" * 30, "x" * 999]
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with refused(culprit=text, accepted="a class number") as caught:
        targets.parse(text)
    assert len(str(caught.value)) < 200


def test_the_output_of_a_model_is_put_into_words() -> None:
    maps, logits = torch.zeros(2, 4, 8, 8), torch.zeros(2, 4)
    assert describe_output({"out": maps, "y": (logits, logits)}) == "out 4 × 8 × 8, y:0 4, y:1 4"
    assert describe_output([{"boxes": torch.zeros(5, 4)}] * 2) == "boxes 5 × 4"
    assert class_logits({"out": maps, "y": logits}) is logits
    assert class_logits((logits, logits)) is None
    assert class_logits(maps) is None


class Two(nn.Module):
    """Takes a picture and a number for each of its channels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.features = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, inputs: Tensor, weights: Tensor) -> Tensor:
        return torch.relu(self.features(inputs * weights[:, :, None, None])).mean((2, 3))


@pytest.mark.parametrize("entry", TARGETED, ids=attrgetter("key"))
def test_what_is_beside_the_picture_goes_in_with_it(entry: registry.Entry) -> None:
    model, weights = Two(), torch.tensor([[0.5, 0.0, -2.0]])

    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.two = model

        def forward(self, inputs: Tensor) -> Tensor:
            scores: Tensor = self.two(inputs, weights.expand(len(inputs), -1))
            return scores

    values = quick(entry)
    pictures = PICTURES.float()[:, :, :32, :24]
    _, info = entry.kind(model)((pictures, weights), "features", target_class=1, **values)
    _, alone = entry.kind(One())(pictures, "two.features", target_class=1, **values)
    assert torch.equal(info["raw"], alone["raw"])
    with refused(culprit="(3,)", accepted="a tensor (1, …)", problem="Input 2"):
        entry.kind(model)((pictures, weights[0]), "features")
