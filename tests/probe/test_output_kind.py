"""What a model's numbers mean: each kind as a table of models, with pictures in closed form and what the page says."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, Selectbox
from torch import Tensor, nn

from mirror_app import engine, evaluation, live
from mirror_app.engine.request import Request
from mirror_app.evaluation import verdict
from mirror_app.images import Preprocessing, from_tensor
from mirror_app.live import sessions
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model, catalogue
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.output_meaning import meaning_of
from mirror_app.ui.explore.output_kind_choice import CAPTIONS, CHOICES
from mirror_app.ui.state import widget_state
from mirror_app.ui.trust.trust_tests import NO_PROBABILITY
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import GradCam, Gradient, Rise, ScoreCam, Visualisation
from mirror_app.visualisations.core.perturbation.rise import _masks
from tests.app import captions, container, lives, page, provenance, said
from tests.networks import ATTENTION, Linear, resnet18, state
from tests.refused import Fields, refused

PICTURES = torch.rand(2, 3, 16, 12, generator=torch.Generator().manual_seed(0))
MASKS = 100


class Ending(nn.Module):
    """A linear model of the pixels' means whose logits go through a last step."""

    def __init__(self, outputs: int, last: Callable[[Tensor], object], bias: float = 0.0) -> None:
        super().__init__()
        self.net, self.last = Linear(classes=outputs), last
        nn.init.constant_(self.net.classifier.bias, bias)

    def forward(self, inputs: Tensor) -> object:
        return self.last(self.net(inputs))


def as_is(logits: Tensor) -> Tensor:
    return logits


@dataclass(frozen=True)
class Member:
    """A model, what is said of its output, what it is taken for, and its likelihood from its logits (N, K)."""

    outputs: int
    last: Callable[[Tensor], object]
    output: str | None
    kind: str
    likelihood: Callable[[Tensor], Tensor]
    bias: float = 0.0
    target: int | None = None


def softmax(logits: Tensor) -> Tensor:
    return logits.softmax(1)


MEMBERS = {
    "classes": Member(5, as_is, "classes", "classes", softmax),
    "classes, undeclared": Member(5, as_is, None, "classes", softmax),
    "classes, log softmax": Member(3, lambda x: x.log_softmax(1), None, "classes", softmax),
    "classes in a dictionary": Member(4, lambda x: {"logits": x}, None, "classes", softmax),
    "classes, (N, 1, C)": Member(5, lambda x: x[:, None], None, "classes", softmax, target=2),
    "classes, (N, C, 1, 1)": Member(5, lambda x: x[:, :, None, None], "classes", "classes", softmax),
    "classes, (N, C, 1), undeclared": Member(5, lambda x: x[:, :, None], None, "classes", softmax),
    "one number, (N, 1, 1)": Member(1, lambda x: x[:, None], None, "numbers", as_is, 2),
    "one label": Member(1, as_is, "labels", "labels", torch.sigmoid, -4),
    "fourteen labels": Member(14, as_is, "labels", "labels", torch.sigmoid),
    "labels in a dictionary": Member(3, lambda x: {"findings": x}, "labels", "labels", torch.sigmoid, 2),
    "one number, undeclared": Member(1, as_is, None, "numbers", as_is, -4),
    "one number, large": Member(1, lambda x: 300_000 * x, "numbers", "numbers", lambda x: 300_000 * x),
    "a vector of numbers": Member(1, lambda x: x[:, 0], None, "numbers", as_is, 5),
    "several numbers": Member(4, as_is, "numbers", "numbers", as_is, target=2),
    "a sigmoid already": Member(1, torch.sigmoid, None, "numbers", torch.sigmoid, -4),
    "probabilities": Member(5, softmax, "probabilities", "probabilities", softmax),
    "probabilities, undeclared": Member(5, softmax, None, "probabilities", softmax),
    "probabilities of labels": Member(6, torch.sigmoid, "probabilities", "probabilities", torch.sigmoid, -2),
    "an embedding": Member(96, as_is, "embedding", "embedding", as_is, target=7),
    "an embedding of unit length": Member(
        8, nn.functional.normalize, "embedding", "embedding", nn.functional.normalize, target=3
    ),
    "an embedding and tokens": Member(
        6, lambda x: (x[:, None].repeat(1, 3, 1), x), "embedding", "embedding", as_is, target=0
    ),
}
each_member = pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)


@each_member
def test_rise_is_the_covariance_of_what_the_kind_makes_of_the_logits(member: Member) -> None:
    model = Ending(member.outputs, member.last, member.bias).double()
    pictures, before = PICTURES.double(), state(model)
    info = Rise(model, output=member.output)(pictures, n=MASKS, cells=3, p=0.4, target_class=member.target)[1]
    generator = torch.Generator().manual_seed(0)
    grids = (torch.rand(MASKS, 4, 4, generator=generator) < 0.4).double()
    masks = _masks(grids, torch.rand(MASKS, 2, generator=generator), (16, 12))
    with torch.no_grad():
        logits = model.net(pictures)
        chosen = [member.target] * 2 if member.target is not None else member.likelihood(logits).argmax(1).tolist()
        for item, picture in enumerate(pictures):
            values = member.likelihood(model.net(picture * masks[:, None]))[:, chosen[item]]
            centred = values - values.mean()
            expected = (centred[:, None, None] * (masks - masks.mean(0))).sum(0) / (MASKS - 1) / 0.4
            assert torch.allclose(info["raw"][item], expected, rtol=1e-9, atol=1e-12)
            assert info["raw"][item].abs().max() > 1e-4 * values.abs().max()
    assert (info["target_class"], info["output"]) == (chosen, member.kind)
    assert ("prediction" in info) is OutputKind(member.kind).has_probabilities
    assert state(model) == before


@each_member
def test_what_the_page_is_told_of_each_kind(member: Member) -> None:
    model = Ending(member.outputs, member.last, member.bias)
    made = live_session("abc", PICTURES[0], model, None, PreprocessingOverrides(output=member.output))
    (shown,) = made.models.values()
    found = engine.predict(shown, made.pictures[0])
    with torch.no_grad():
        expected = member.likelihood(model.net(PICTURES[:1]))[0]
    assert shown.output == OutputMeaning(OutputKind(member.kind), assumed=member.output is None) == found.meaning
    assert np.allclose(found.values, expected, atol=1e-6)
    if OutputKind(member.kind).has_probabilities:
        assert np.array_equal(found.probabilities, found.values)
        assert "%" in found.text(0)
    else:
        assert not len(found.probabilities)
        assert found.text(0) == f"{float(expected[0]):.4g}"
    nouns = {"labels": "label", "numbers": "number", "embedding": "channel"}
    assert shown.name_of(0) == f"{nouns.get(member.kind, 'class')} 0"
    assert len(shown.classes) == member.outputs


@pytest.mark.parametrize(
    ("outputs", "last", "output", "fields"),
    [
        (1, as_is, "classes", {"accepted": ["labels", "numbers"], "hint": "use 'labels' or 'numbers'"}),
        (1, lambda x: x[:, 0], "classes", {"accepted": ["labels", "numbers"], "hint": "use 'labels' or 'numbers'"}),
        (3, softmax, "classes", {"accepted": ["probabilities"], "hint": "use 'probabilities'"}),
        (3, lambda x: 9 * x, "probabilities", {"accepted": ["classes", "labels"], "hint": "'labels' if the sigmoid"}),
        (
            3,
            lambda x: x[:, :, None].repeat(1, 1, 2),
            "labels",
            {"accepted": "one number per label, (N, labels)", "problem": "3 × 2"},
        ),
        (3, as_is, "regions", {"accepted": "(N, classes, height, width)", "problem": "returns 3"}),
        (3, as_is, "boxes", {"accepted": "boxes, scores and labels for each picture", "problem": "returns 3"}),
        (3, as_is, "lables", {"accepted": ["classes", "labels", "boxes"], "hint": "Did you mean 'labels'?"}),
        (3, as_is, "logit", {"accepted": ["classes", "labels", "boxes"]}),
    ],
)
def test_what_is_declared_and_cannot_be_is_one_sentence_at_every_door(
    outputs: int, last: Callable[[Tensor], object], output: str, fields: Fields
) -> None:
    model = Ending(outputs, last, 2)
    fields = {**fields, "culprit": output}
    with refused(**fields):
        GradCam(model, output=output)(PICTURES, "net.maps", target_class=0)
    with refused(**fields):
        live_session("abc", PICTURES[0], model, None, PreprocessingOverrides(output=output))
    picture, preprocessing = from_tensor(PICTURES[0], "x", SCALE), SCALE
    request = Request("x", picture.id, "net.maps", "grad-cam", (("target_class", 0),), output)
    with refused(**fields):
        engine.run(request, Model("x", model, preprocessing, ()), picture)


TARGETED = [entry for entry in registry.entries() if "target_class" in entry.params and entry.key not in ATTENTION]
SCALE = Preprocessing(16, 16, mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.mark.page
@pytest.mark.parametrize("kind", [entry.kind for entry in TARGETED])
@pytest.mark.parametrize("output", ["embedding", "numbers"])
def test_of_numbers_without_a_most_likely_one_the_target_is_named(kind: type[Visualisation], output: str) -> None:
    visualisation = kind(Linear(classes=4), mean=[0] * 3, std=[1] * 3, output=output)
    with refused(culprit=output, accepted="a target from 0 to 3", hint="target_class=0"):
        visualisation(PICTURES, "maps")


@pytest.mark.parametrize("output", ["classes", "labels", "numbers", "probabilities", "embedding"])
def test_score_cam_weighs_by_the_scale_of_the_kind(output: str) -> None:
    last = softmax if output == "probabilities" else as_is
    model = Ending(3, last).double()
    pictures = PICTURES.double()
    raw = ScoreCam(model, output=output)(pictures, "net.maps", target_class=1)[1]["raw"]
    with torch.no_grad():
        maps = model.net.maps(pictures)
        low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
        masks = (maps - low) / (high - low)
        scores = torch.stack([model(pictures * masks[:, k : k + 1])[:, 1] for k in range(4)], 1)
        increase = scores - model(torch.zeros_like(pictures[:1]))[:, 1:2]
    weights = scores.softmax(1) if output in ("classes", "labels") else increase
    assert torch.allclose(raw, torch.einsum("nk,nkhw->nhw", weights, maps), atol=1e-12)


@pytest.mark.parametrize("output", ["classes", "labels", "probabilities"])
def test_deletion_and_insertion_take_the_probability_of_the_kind(output: str) -> None:
    model = Ending(3, softmax if output == "probabilities" else as_is)
    kinds: dict[str, Callable[[Tensor], Tensor]] = {"classes": softmax, "labels": torch.sigmoid}
    likelihood = kinds.get(output, as_is)
    made = live_session("abc", PICTURES[0], model, None, PreprocessingOverrides(output=output))
    (shown,), picture = made.models.values(), made.pictures[0]
    request = Request(shown.name, picture.id, "net.maps", "grad-cam", (("target_class", 2),))
    result = engine.run(request, shown, picture)
    (found,) = verdict.curves(request, shown, picture, result)
    *_, lines = verdict.baseline_curves(shown, picture, 2)
    with torch.no_grad():
        shown_and_hidden = (PICTURES[:1], torch.zeros(1, 3, 16, 12))
        whole, none = (likelihood(model(inputs))[0, 2] for inputs in shown_and_hidden)
    for curves in (found, lines["edges"]):
        assert curves.deletion[[0, -1]] == pytest.approx([float(whole), float(none)], abs=1e-6)
        assert curves.insertion[-1] == pytest.approx(float(whole), abs=1e-6)


@pytest.mark.parametrize("output", ["numbers", "embedding"])
def test_a_number_without_a_probability_has_no_deletion_and_can_be_shuffled(output: str) -> None:
    made = live_session("abc", PICTURES[0], Linear(classes=3), None, PreprocessingOverrides(output=output))
    (shown,), picture = made.models.values(), made.pictures[0]
    request = Request(shown.name, picture.id, "maps", "back-prop", (("target_class", 2),))
    result = engine.run(request, shown, picture)
    with refused(culprit=output, hint="classes or labels"):
        list(verdict.curves(request, shown, picture, result))
    depth = evaluation.depths(engine.tree(shown))[0]
    assert list(verdict.shuffled(request, shown, picture, result, depth))
    untargeted = Request(shown.name, picture.id, "maps", "eigen-cam")
    with refused(culprit="Eigen-CAM", hint="Grad-CAM"):
        verdict.explained_class(untargeted, engine.run(untargeted, shown, picture), engine.predict(shown, picture))


def test_a_number_upwards_and_downwards_is_one_signed_map() -> None:
    model = Ending(1, as_is, -4)
    raw = Gradient(model)(PICTURES)[1]["raw"]
    weights = model.net.classifier.weight[0] @ model.net.maps.weight[:, :, 0, 0]
    assert torch.allclose(raw, (weights / (16 * 12))[None, :, None, None].expand_as(raw), atol=1e-7)
    downwards = Gradient(Ending(1, torch.neg, 0))(PICTURES)[1]["raw"]
    assert torch.allclose(downwards, -raw, atol=1e-7)


@pytest.mark.page
@pytest.mark.parametrize("build", [resnet18, Linear, lambda: catalogue.load("shapes").module])
def test_the_map_of_classes_is_the_same_bits_declared_or_not(build: Callable[[], nn.Module]) -> None:
    module, inputs = build(), torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    plain, declared = (Rise(module, output=said)(inputs, n=100)[1] for said in (None, "classes"))
    assert torch.equal(plain["raw"], declared["raw"])
    assert plain["output"] == "classes"


def test_regions_and_boxes_are_known_by_their_shape_and_a_sum_over_places_is_no_logit() -> None:
    maps = torch.randn(2, 4, 5, 5)
    box = {"boxes": torch.zeros(1, 4), "scores": torch.ones(1), "labels": torch.ones(1, dtype=torch.long)}
    plain = nn.Identity()
    assert meaning_of(maps, plain) == OutputMeaning(OutputKind.REGIONS, assumed=True)
    assert meaning_of({"out": maps, "aux": maps}, plain) == OutputMeaning(OutputKind.REGIONS, assumed=True)
    assert meaning_of([box], plain) == OutputMeaning(OutputKind.BOXES)
    assert meaning_of([box], plain, OutputKind.BOXES) == OutputMeaning(OutputKind.BOXES)
    assert meaning_of(torch.zeros(2, 3, 4), plain) is None
    info = Rise(nn.Conv2d(3, 4, 3))(PICTURES, n=100, target_class=1)[1]
    assert (info["output"], info["raw"].abs().max() > 1e-3) == ("regions", True)
    for name, kind in (
        ("resnet18-untrained", "classes"),
        ("lraspp_mobilenet_v3_large-untrained", "regions"),
        ("ssdlite320_mobilenet_v3_large-untrained", "boxes"),
    ):
        assert catalogue.load(name).output == OutputMeaning(OutputKind(kind))
    assert catalogue.load("shapes").output == OutputMeaning(OutputKind.CLASSES)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_probabilities_are_known_in_every_type(dtype: torch.dtype) -> None:
    logits = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert meaning_of(logits.softmax(1), nn.Identity()) == OutputMeaning(OutputKind.PROBABILITIES, assumed=True)
    assert meaning_of(logits, nn.Identity()) == OutputMeaning(OutputKind.CLASSES, assumed=True)


def test_a_link_and_a_digest_without_a_kind_are_what_they_were() -> None:
    plain = Request("shapes", "heart", "features", "rise", (("n", 100),))
    assert "output-kind" not in plain.to_query()
    told = Request("shapes", "heart", "features", "rise", (("n", 100),), "labels")
    assert told.to_query() == plain.to_query() | {"output-kind": "labels"}
    assert told.digest() != plain.digest()


def test_what_is_said_for_a_session_shares_the_views_and_renames_only_what_has_no_name() -> None:
    model = live_session("abc", PICTURES[0], Linear(classes=3), None, PreprocessingOverrides()).models["Linear@abc"]
    labels = model.with_output("labels")
    assert (model.classes, labels.classes) == (("class 0", "class 1", "class 2"), ("label 0", "label 1", "label 2"))
    assert labels.views is model.views
    assert model.with_output("") is model
    assert catalogue.load("shapes").with_output("labels").classes == catalogue.load("shapes").classes


@pytest.fixture
def show() -> Iterator[Callable[..., str]]:
    """Show a model as `mirror` does, without a server, and return its name in a link."""

    def staged(module: nn.Module, output: str | None = None) -> str:
        made = live_session(secrets.token_hex(3), PICTURES[0], module, None, PreprocessingOverrides(output=output))
        live.add(made)
        return next(iter(made.models))

    yield staged
    sessions._sessions.clear()


def words(test: AppTest) -> str:
    """All that a visitor reads but the charts."""
    shown = (*test.caption, *test.markdown, *test.info, *test.warning, *test.error, *test.button, *test.subheader)
    texts = (str(part.label if isinstance(part, Button) else part.value) for part in shown)
    return "\n".join(text for text in texts if "<style" not in text).replace("\\", "")


def has_percent(text: str) -> bool:
    return re.search(r"\d%|\bsure\b", text) is not None


def meaning(test: AppTest) -> Selectbox[str] | None:
    """The choice of what the numbers are, where there is one."""
    return next((box for box in test.selectbox if box.key == widget_state.OUTPUT_KIND.key), None)


def assumed(test: AppTest) -> str | None:
    """As what the page shows the numbers of a model that does not declare them; None if it says nothing of that."""
    assumptions = [caption for caption in captions(test) if "does not declare" in caption]
    return assumptions[0].rstrip(".").rpartition(" ")[2] if assumptions else None


def bars(test: AppTest) -> int:
    return len(test.get("progress"))


@pytest.mark.page
def test_one_logit_is_shown_as_a_number_until_the_visitor_says_otherwise(show: Callable[..., str]) -> None:
    model = Ending(1, as_is, -4)
    test = page(model=show(model), visualisation="rise", n="100")
    assert lives(test)
    with torch.no_grad():
        logit = float(model.net(PICTURES[:1]))
    told = words(test)
    assert f"number 0 · {logit:.4g}" in told
    assert (provenance(test).target, provenance(test).score) == ("number 0", f"{logit:.4g}")
    assert assumed(test) == "numbers"
    assert not has_percent(told)
    assert bars(test) == 0
    raw = np.array(test.session_state.mirror.request.digest())
    choice = meaning(test)
    assert choice is not None
    assert choice.options == [CHOICES[kind] for kind in (OutputKind.LABELS, OutputKind.NUMBERS, OutputKind.EMBEDDING)]
    choice.select_index(0).run()
    assert lives(test)
    told = words(test)
    share = f"{1 / (1 + np.exp(-logit)):.1%}"
    assert f"label 0 · {share}" in told
    assert (provenance(test).target, provenance(test).score) == ("label 0", share)
    assert assumed(test) is None
    assert bars(test) == 1
    assert test.session_state.mirror.request.digest() != raw
    assert test.query_params["output-kind"] == "labels"
    assert "output-kind=labels" in test.code[0].value
    trust = page("trust", **test.query_params)
    assert f"*label 0* ({share})" in words(trust)


@pytest.mark.page
@pytest.mark.parametrize(("outputs", "first"), [(3, 1.5), (14, -3), (6, 0)])
def test_labels_have_bars_of_their_own(show: Callable[..., str], outputs: int, first: float) -> None:
    model = Ending(outputs, as_is, first)
    test = page(model=show(model, "labels"))
    assert lives(test)
    with torch.no_grad():
        shares = model.net(PICTURES[:1]).sigmoid()[0].sort(descending=True).values[:5]
    told = words(test)
    assert all(f" · {share:.1%}" in told for share in shares.tolist())
    assert CAPTIONS[OutputKind.LABELS] in told
    assert meaning(test) is None
    assert [bar.proto.value for bar in test.get("progress")] == [int(100 * share) for share in shares.tolist()]


@pytest.mark.page
def test_an_embedding_has_channels_and_asks_for_one(show: Callable[..., str]) -> None:
    name = show(Linear(classes=96), "embedding")
    test = page(model=name)
    assert not test.exception
    told = words(test)
    (box,) = test.warning
    assert "0 to 95" in box.value
    assert CAPTIONS[OutputKind.EMBEDDING].format(count=96) in told
    assert "class 0" not in told
    assert not has_percent(told)
    next(button for button in test.button if button.label.startswith("channel")).click().run()
    assert lives(test)
    number = dict(test.run().session_state.mirror.request.params)["target_class"]
    assert provenance(test).target == f"channel {number}"
    compare = page("compare", model=name, target_class="3")
    assert not compare.exception
    assert "channel 3" in words(compare)


@pytest.mark.page
def test_what_a_link_says_and_the_model_cannot_be_is_taken_back(show: Callable[..., str]) -> None:
    test = page(model=show(Linear(classes=1)), **{"output-kind": "classes"})
    assert ["softmax" in sentence for sentence in said(test)] == [True, True]  # in place of picture and prediction
    assert not lives(test)
    next(button for button in test.button if button.label.startswith("Use the model's own")).click().run()
    assert lives(test)
    assert "output-kind" not in test.query_params
    test = page(**{"output-kind": "lables"})
    (sentence,) = said(test)
    assert "'lables'" in sentence
    assert "'labels'" in sentence
    assert lives(test)


@pytest.mark.page
def test_a_model_of_the_catalogue_is_never_assumed() -> None:
    test = page()
    assert meaning(test) is None
    assert assumed(test) is None
    assert "output-kind" not in test.query_params


@pytest.mark.page
@pytest.mark.parametrize(("outputs", "output"), [(1, "numbers"), (1, None), (4, "numbers")])
def test_trust_of_a_number_has_no_percent(show: Callable[..., str], outputs: int, output: str | None) -> None:
    test = page("trust", model=show(Ending(outputs, as_is, 3), output), visualisation="grad-cam", target_class="0")
    assert not test.exception
    told = words(test)
    assert NO_PROBABILITY in said(test)
    assert container(test, "trust-curves") is None
    assert container(test, "trust-shuffled") is not None
    assert not has_percent(told)


@pytest.mark.page
def test_a_comparison_and_a_class_picture_tell_the_number(show: Callable[..., str]) -> None:
    model = Ending(1, as_is, 7)
    name = show(model)
    with torch.no_grad():
        number = f"{float(model.net(PICTURES[:1])):.4g}"
    compare = words(page("compare", model=name))
    assert f"number 0 · {number}" in compare
    assert not has_percent(compare)
    test = page(model=name, visualisation="class-picture", steps="2")
    assert provenance(test).target == "number 0"
    assert provenance(test).score not in ("", number)  # that of the picture that was made
    assert float(provenance(test).score) > 0
    assert not has_percent(words(test))
