"""How far a picture can be trusted: the base lines, the shuffling, the curves of a request, and the page."""

import copy
import math
import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
import torch
from playwright.sync_api import Page, expect
from torch import Tensor, nn

from mirror_app import engine, evaluation, layers, live
from mirror_app.bundled.examples import examples
from mirror_app.engine.jobs import Frames, Job, Jobs
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.evaluation import verdict
from mirror_app.evaluation.verdict import Curves, Removal
from mirror_app.images import Picture
from mirror_app.live import sessions
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model, catalogue
from mirror_app.probe import View, fingerprint
from mirror_app.ui.trust import verdict_text
from mirror_app.ui.trust.verdict_text import Answer
from mirror_app.visualisations import registry
from tests.app import page
from tests.browser import READY, SCREENSHOTS, faults
from tests.networks import ANYWHERE, Linear, quick, state

PICTURE = examples()[0]
FIVE_DIFFERENT_PICTURES = """() => {
    const shown = [...document.querySelectorAll('.st-key-trust-shuffled img')].map((image) => image.src);
    return shown.length === 5 && new Set(shown).size === 5;
}"""


def computed(key: str, layer: str = "features", **params: object) -> tuple[Request, engine.Result]:
    entry = registry.get(key)
    request = Request("shapes", PICTURE.id, layer, key, entry.canonical({**quick(entry), **params}))  # type: ignore[dict-item]
    return request, engine.run(request, catalogue.load("shapes"), PICTURE)


def test_sobel_is_the_slope_of_a_ramp_and_nothing_on_a_plain() -> None:
    ramp = torch.arange(6.0).expand(1, 3, 5, 6)
    assert torch.equal(evaluation.sobel(ramp)[:, 1:-1], torch.full((5, 4), 8.0))
    assert torch.equal(evaluation.sobel(ramp.mT).T[:, 1:-1], torch.full((5, 4), 8.0))
    assert not evaluation.sobel(torch.ones(1, 1, 4, 4)).any()


def test_random_numbers_are_the_same_for_the_same_seed() -> None:
    one, other, third = (evaluation.noise(torch.zeros(1, 3, 8, 9), seed) for seed in (1, 1, 2))
    assert one.shape == (8, 9)
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


class Small(nn.Module):
    """Convolutions at two sizes, a token of its own, an attention whose projections no hook meets, and a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.spare = nn.Linear(3, 3)  # it never runs
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.second = nn.Conv2d(4, 6, 3, padding=1)
        self.token = nn.Parameter(torch.rand(1, 1, 6))
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, 3)
        self.kept = torch.zeros(0)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.second(self.pool(self.first(inputs)))
        tokens = torch.cat([self.token.expand(len(maps), -1, -1), maps.flatten(2).mT], 1)
        self.kept = self.attention(tokens, tokens, tokens)[0]  # a tensor with a graph, which cannot be deep-copied
        scores: Tensor = self.head(self.kept[:, 0])
        return scores


def changed(model: nn.Module, other: nn.Module) -> set[str]:
    """The names of the weights that are not the model's own; all others share its memory."""
    own = dict(model.named_parameters())
    names = set()
    for name, weights in other.named_parameters():
        assert torch.equal(weights.flatten().sort()[0], own[name].flatten().sort()[0])
        if weights.data_ptr() != own[name].data_ptr():
            names.add(name)
    return names


def test_what_is_shuffled_goes_from_the_head_by_stages_down_to_everything() -> None:
    model = Small()
    model(torch.rand(1, 3, 8, 8))
    view = View(model)
    view.record_calls(torch.rand(1, 3, 8, 8))
    before = state(model)
    found = evaluation.depths(layers.tree(model, view.calls))
    assert [depth.words for depth in found] == ["head", "all above first", "everything"]
    head, above, everything = (evaluation.with_weights_shuffled(model, depth.layers) for depth in found)
    assert changed(model, head) == {"head.weight", "head.bias"}
    attention = {f"attention.{name}" for name, _ in model.attention.named_parameters()}
    assert changed(model, above) == {"head.weight", "head.bias", "second.weight", "second.bias"} | attention
    assert changed(model, everything) == {name for name, _ in model.named_parameters()}
    assert all(
        torch.equal(other.get_parameter("head.weight"), head.get_parameter("head.weight"))
        for other in (above, everything)
    )
    assert state(model) == before
    assert len(evaluation.depths(layers.tree(model, view.calls), most=2)) == 2
    relu = View(nn.Sequential(nn.ReLU()))
    relu.record_calls(torch.rand(1, 3, 8, 8))
    with pytest.raises(MirrorError, match="no layer with weights"):
        evaluation.depths(layers.tree(relu.module, relu.calls))


def test_the_map_of_a_shuffled_classifier_is_its_closed_form() -> None:
    model, inputs = Linear(classes=5), torch.rand(1, 3, 6, 7)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    weights = model.classifier.weight.detach().flatten()[order].view(5, 4)
    shuffled = evaluation.with_weights_shuffled(model, ["classifier"])
    raw = registry.get("cam").kind(shuffled)(inputs, "maps", target_class=2)[1]["raw"]
    assert torch.allclose(raw, torch.einsum("k,nkhw->nhw", weights[2], model.maps(inputs).detach()), atol=1e-6)


def test_the_curves_of_a_request_are_those_of_its_evidence() -> None:
    request, result = computed("grad-cam")
    model = catalogue.load("shapes")
    before = fingerprint(model.module)
    (found,) = verdict.curves(request, model, PICTURE, result)
    inputs, target = model.inputs(PICTURE), result.info["target_class"][0]
    *some, lines = verdict.base_lines(model, PICTURE, target)
    assert fingerprint(model.module) == before
    assert [list(frame) for frame in some] == [["random"]] * 3
    assert list(lines) == ["random", "edges"]
    evidence = verdict.evidence(torch.from_numpy(result.raw), (128, 128))
    with torch.no_grad():
        own = evaluation.deletion(model.module, inputs, evidence, target, verdict.STEPS)
        draws = [
            evaluation.deletion(model.module, inputs, evaluation.noise(inputs, seed), target, verdict.STEPS)
            for seed in range(3)
        ]
    assert torch.allclose(torch.from_numpy(found.deletion), own, atol=1e-5)
    assert torch.allclose(torch.from_numpy(lines["random"].deletion), torch.stack(draws).mean(0), atol=1e-5)
    assert found.deletion[0] == pytest.approx(lines["random"].deletion[0], abs=1e-6)
    assert found.insertion[-1] == pytest.approx(lines["edges"].deletion[0], abs=1e-5)
    margins = {Removal.DELETION: 0.3, Removal.INSERTION: 0.1, Removal.ROAD: 0.2}
    for removal, margin in margins.items():
        assert found.gain(removal) > lines["random"].gain(removal) + margin
        assert not lines["random"].is_settled_at_once(removal)  # this network tells methods apart
    assert abs(lines["random"].area(Removal.ROAD)) < 0.1


class Fragile(nn.Module):
    """Class 1 is there only while less than a twentieth of the picture is zero."""

    def forward(self, inputs: Tensor) -> Tensor:
        gone = (inputs == 0).float().mean((1, 2, 3))
        return torch.stack([200 * gone, torch.full_like(gone, 10)], 1)


def test_a_class_that_any_damage_ends_and_that_blur_does_not_is_seen_in_the_random_line() -> None:
    model = replace(catalogue.load("shapes"), module=Fragile())
    *_, lines = verdict.base_lines(model, PICTURE, 1)
    shares = torch.linspace(0, 1, verdict.STEPS + 1)
    assert torch.allclose(torch.from_numpy(lines["random"].deletion), (10 - 200 * shares).sigmoid(), atol=0.01)
    assert all(lines["random"].is_settled_at_once(removal) for removal in (Removal.DELETION, Removal.INSERTION))


def test_a_method_that_reads_weights_changes_when_they_are_shuffled_and_one_that_does_not_stays() -> None:
    model = catalogue.load("shapes")
    before = state(model.module)
    head, *_, everything = evaluation.depths(engine.tree(model))
    found = {}
    for key in ("grad-cam", "eigen-cam"):
        request, result = computed(key)
        frames = [list(verdict.shuffled(request, model, PICTURE, result, depth)) for depth in (head, everything)]
        assert all(frame.info.get("target_class", [9]) == result.info.get("target_class", [9]) for (frame,) in frames)
        found[key] = [verdict.likeness(result, frame) for (frame,) in frames]
        assert verdict.likeness(result, result) == pytest.approx(1)
    assert found["grad-cam"][0] < 0.3
    assert abs(found["eigen-cam"][0]) == pytest.approx(1)  # it asks the last layer for the sign alone
    assert found["eigen-cam"][1] < 0.9
    assert state(model.module) == before


def test_what_takes_long_can_be_given_up_between_two_frames() -> None:
    request, result = computed("rise", n=400)
    model = catalogue.load("shapes")
    frames = verdict.shuffled(request, model, PICTURE, result, evaluation.depths(engine.tree(model))[0])
    assert 0 < next(frames).info["progress"] < 1
    frames.close()


def test_the_verdict_tells_where_the_picture_becomes_another() -> None:
    names = ("fc", "all above layer3", "everything")

    def caption(*figures: float) -> str:
        return verdict_text.below_shuffled(dict(zip(names, figures, strict=True)))

    assert "Shuffling the last layer already changes it] (rank correlation −0.30)" in caption(-0.3, 0.6, 0.2)
    assert "Shuffling all above layer3 barely changes it]; :green[shuffling everything does]" in caption(0.9, 0.8, 0.1)
    assert "it depends on the earlier layers but hardly on the last ones." in caption(0.9, 0.8, 0.1)
    assert "(weakest rank correlation +0.60): it shows the input" in caption(1, 0.6, 0.7)
    inverted = caption(-0.7, 0.1, 0.2)
    assert (
        "Shuffling fc barely changes it, except for inverting it]; :green[shuffling all above layer3 does]" in inverted
    )
    assert "hardly on the last one." in inverted
    assert "(weakest rank correlation −0.60): it shows the input" in caption(1, -0.6, 0.7)


@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_every_visualisation_is_tested_or_says_why_not(entry: registry.Entry) -> None:
    request, result = computed(entry.key, layer="features.4")
    prediction = engine.predict(catalogue.load("shapes"), PICTURE)
    if verdict.is_attribution(entry):
        assert verdict.target_of(request, result, prediction) in range(32)
    else:
        with pytest.raises(MirrorError, match="try Grad-CAM"):
            verdict.target_of(request, result, prediction)


def test_what_is_no_class_and_what_is_many_layers_is_refused() -> None:
    model = catalogue.load("shapes")
    request, result = computed("back-prop", target_class="features.4:3")
    with pytest.raises(MirrorError, match="choose a class"):
        list(verdict.curves(request, model, PICTURE, result))
    request, result = computed("grad-cam", layer="*")
    with pytest.raises(MirrorError, match="One layer"):
        list(verdict.curves(request, model, PICTURE, result))


@pytest.mark.parametrize(
    ("key", "params", "ignores"),
    [
        ("deconvnet", {}, True),
        ("back-prop", {"guide": True}, True),
        ("grad-cam", {"guide": True}, True),
        ("smoothgrad", {"guide": True}, True),
        ("back-prop", {}, False),
        ("lrp", {}, False),
        ("layer-cam", {"guide": True}, False),  # it has no such parameter: another's `guide` may mean anything
    ],
)
def test_who_ignores_the_model_is_declared(key: str, params: dict[str, object], ignores: bool) -> None:
    assert registry.get(key).kind.ignores_model(params) is ignores


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    st.cache_data.clear()


def line(away: float, back: float, painted: float = 0.3, soon: bool = False) -> Curves:
    """Curves that stay where they are, or begin as far from there as they can."""
    curves = np.full((2, 25), [[away], [back]])
    curves[:, [0, -1]] = [[1, 0], [0, 1]]
    road = np.full((2, 6), [[1 - painted], [1.0]])
    road[:, 0] = 1
    if not soon:
        curves[0, :3], curves[1, :3], road[0, :2] = 1, 0, 1
    return Curves(curves[0], curves[1], road)


def found(own: Curves, random: Curves, edges: Curves) -> dict[str, Curves]:
    return {"Grad-CAM": own, "random": random, "edges": edges}


def test_what_is_said_of_the_curves_keeps_the_three_ways_apart() -> None:
    best, better, other = line(0.1, 0.9, 0.8), line(0.3, 0.7, 0.1), line(0.4, 0.6, 0.2)
    assert [verdict_text.of_curves(found(best, better, other), removal) for removal in Removal] == [
        Answer(True, "Removing the highlighted pixels hurts the class more than removing random pixels or edges."),
        Answer(True, "Restoring the highlighted pixels helps the class more than restoring random pixels or edges."),
        Answer(
            True,
            "Painting over the highlighted pixels hurts the class more than painting over random pixels or edges.",
        ),
    ]
    lame, none = line(0.4, 0.9, 0.2), "hurts the class no more than removing random pixels or edges."
    gone, back, painted = Removal
    assert verdict_text.of_curves(found(lame, better, lame), gone).words.endswith(none)
    assert verdict_text.of_curves(found(lame, better, other), back).good
    assert verdict_text.of_curves(found(lame, better, other), painted).words.endswith(
        "no more than painting over edges."
    )
    assert verdict_text.below_chart(found(best, better, other), gone, False) == ":green[Clearly better than both.]"
    assert verdict_text.below_chart(found(lame, better, lame), gone, False) == ":orange[Worse than random.]"
    assert (
        verdict_text.below_chart(found(lame, better, lame), painted, False) == ":orange[Not clearly better than edges.]"
    )
    assert "this proves little" in verdict_text.below_chart(found(best, better, other), gone, True)


@pytest.mark.parametrize("removal", Removal)
def test_a_tie_with_what_can_hardly_be_beaten_is_no_reproach(removal: Removal) -> None:
    best, middling, poor = line(0, 1, 1, soon=True), line(0.3, 0.7, 0.5, soon=True), line(0.6, 0.4, 0.2)
    tied = verdict_text.of_curves(found(best, poor, best), removal)
    assert tied.good is None
    assert tied.words.endswith("edges or random pixels do nearly as well as any method can.")
    assert verdict_text.of_curves(found(middling, poor, best), removal).good is False
    assert verdict_text.of_curves(found(best, poor, middling), removal).good is True


def test_where_random_pixels_do_at_once_nothing_is_said_of_the_method() -> None:
    curves = found(line(0.1, 0.9), line(0.1, 0.9, 0.8, soon=True), line(0.3, 0.7))
    for removal in Removal:
        assert verdict_text.of_curves(curves, removal).good is None
        assert "a random 10% of the pixels already" in verdict_text.of_curves(curves, removal).words
        assert verdict_text.below_chart(curves, removal, False).startswith(":orange[Uninformative here:]")


@pytest.mark.parametrize("factor", [-1.0, 5.0])
@pytest.mark.parametrize("key", ["lrp", "cam", "integrated-gradients", "grad-cam"])
def test_a_model_that_only_turns_its_answers_over_or_rescales_them_gets_the_same_picture(
    key: str, factor: float
) -> None:
    model = catalogue.load("shapes")
    request, result = computed(key, target_class=3)
    other = copy.deepcopy(model.module)
    for parameter in other.get_submodule("classifier").parameters():
        parameter.data *= factor
    turned = engine.run(request, replace(model, module=other), PICTURE)
    likeness = verdict.likeness(result, turned)
    answer = verdict_text.of_shuffled({"classifier": likeness}, untrained=False)
    assert answer.good is False
    assert ("inverting" in answer.words) is (factor < 0 and result.raw.ndim == 3)  # of gradients the size counts


def test_what_should_add_up_joins_the_verdict() -> None:
    assert verdict_text.of_sum({}) is None
    assert verdict_text.of_sum({"completeness": [-0.02]}) == Answer(
        True, "The sum of its values misses the gain in the class score by 2.0%."
    )
    lost = verdict_text.of_sum({"conservation": [0.0002]})
    assert lost == Answer(False, "Its values add up to 0.0% of the class score.")
    assert verdict_text.of_sum({"conservation": [0.7]}) == Answer(
        None, "Its values add up to 70.0% of the class score."
    )
    turned = verdict_text.of_sum({"conservation": [-1.0]})
    assert turned
    assert turned.good is False


@pytest.mark.parametrize(
    ("answers", "judgement"),
    [
        ((True, True, True), "passes every test here."),
        ((None, True, True), "passes every test that applies here."),
        ((True, False, True), "use with caution."),
        ((None, False, True), "use with caution."),
        ((False, False, False), "do not rely on it here."),
        ((None, None, False), "do not rely on it here."),
        ((None, None, None), "the tests are uninformative here."),
    ],
)
def test_the_summary_is_a_verdict_and_a_line_for_each_test(answers: tuple[bool | None, ...], judgement: str) -> None:
    first, *lines = verdict_text.verdict_and_answers([Answer(answer, f"Of {answer}.") for answer in answers]).split(
        "  \n"
    )
    assert first == f"**Verdict:** {judgement}"
    assert all(line.endswith(f" Of {answer}.") for line, answer in zip(lines, answers, strict=True))
    assert all((":green[" in line) is (answer is True) for line, answer in zip(lines, answers, strict=True))
    assert all((":orange[" in line) is (answer is False) for line, answer in zip(lines, answers, strict=True))


def test_what_shuffled_weights_say_is_left_open_where_nothing_was_learned_or_nothing_came() -> None:
    assert verdict_text.of_shuffled({"fc": 0.4, "everything": 0.2}, untrained=False).good is True
    late = verdict_text.of_shuffled({"fc": 0.9, "everything": 0.2}, untrained=False)
    assert late == Answer(False, "Shuffling the last layer barely changes it; shuffling earlier layers does.")
    assert verdict_text.of_shuffled({"fc": 0.9, "everything": 0.8}, untrained=False).good is False
    assert verdict_text.of_shuffled({"fc": 0.9, "everything": 0.2}, untrained=True).good is None
    assert verdict_text.of_shuffled({}, untrained=False).good is None


FLAT = {"zero": torch.zeros(5, 5), "one number": torch.full((5, 5), 0.3), "tiny": torch.full((2, 3, 5, 5), -1e-9)}


@pytest.mark.parametrize("flat", FLAT.values(), ids=FLAT)
def test_two_flat_pictures_have_nothing_to_compare(flat: torch.Tensor) -> None:
    nothing = evaluation.rank_correlation(flat, flat)
    answer = verdict_text.of_shuffled({"fc": nothing, "everything": nothing}, untrained=False)
    assert answer.good is None
    assert "the same value everywhere, and cannot be compared" in answer.words
    assert verdict_text.of_shuffled({"fc": 0.0, "everything": nothing}, untrained=False).good is None
    assert verdict_text.signed(nothing) == "flat"
    ramp = torch.arange(flat.numel()).view(flat.shape).float()
    assert evaluation.rank_correlation(ramp, flat) == 0


@pytest.mark.parametrize(
    "info", [{"completeness": [math.nan]}, {"conservation": [math.nan]}, {"conservation": [-math.inf, 1.0]}]
)
def test_what_is_no_finite_share_is_not_told_in_percent(info: dict[str, list[float]]) -> None:
    answer = verdict_text.of_sum(info)
    assert answer == Answer(None, "The sum cannot be tested: the target's score is not a finite number.")


def _holding(**buffers: torch.Tensor) -> nn.Module:
    module = nn.Module()
    for name, buffer in buffers.items():
        module.register_buffer(name, buffer)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), module)


HELD = {
    "frozen": (_holding(weight=torch.ones(5, 4)), ["2.weight"]),
    "8 bits": (_holding(weight=torch.ones(5, 4, dtype=torch.int8), scale=torch.ones(5)), ["2.weight"]),
    "a convolution": (_holding(kernel=torch.ones(5, 4, 3, 3)), ["2.kernel"]),
    "a normalisation": (_holding(mean=torch.ones(1, 3, 1, 1), std=torch.ones(1, 3, 1, 1)), []),
    "an index": (_holding(index=torch.ones(5, 4, dtype=torch.long)), []),
}


@pytest.mark.parametrize(("module", "names"), HELD.values(), ids=HELD)
def test_weights_that_are_held_as_buffers_are_named(module: nn.Module, names: list[str]) -> None:
    assert evaluation.held_as_buffers(module) == names
    shuffled = evaluation.with_weights_shuffled(module, [name for name, _ in module.named_modules()])
    assert all(torch.equal(one, other) for one, other in zip(module.buffers(), shuffled.buffers(), strict=True))


class HeadInABuffer(nn.Module):
    """A linear model of the pixels' means, whose gradient is flat; its last weight is frozen as a buffer."""

    head: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.net = Linear(classes=5)
        self.register_buffer("head", torch.rand(4, 5, generator=torch.Generator().manual_seed(0)))

    def forward(self, inputs: Tensor) -> Tensor:
        answers: Tensor = self.net(inputs) @ self.head.mT
        return answers


@pytest.mark.parametrize(("key", "is_flat"), [("back-prop", True), ("grad-cam", False)])
def test_the_page_says_which_weights_stay_and_where_there_is_nothing_to_compare(key: str, is_flat: bool) -> None:
    picture = torch.rand(3, 16, 12, generator=torch.Generator().manual_seed(0))
    made = live_session("buffer", picture, HeadInABuffer(), None, PreprocessingOverrides())
    live.add(made)
    try:
        test = page("trust", model=next(iter(made.models)), visualisation=key)
    finally:
        sessions._sessions.clear()
    assert not test.exception
    page_text = "\n".join(str(part.value) for part in (*test.caption, *test.markdown))
    assert "Buffers are not shuffled, although these may be weights: head." in page_text
    assert ("cannot be compared" in page_text) is is_flat
    assert "nan" not in page_text


def test_the_page_asks_three_questions_and_answers_them() -> None:
    test = page("trust", visualisation="integrated-gradients", steps="4")
    assert not test.exception
    page_text = "\n".join(item.value for item in [*test.markdown, *test.caption])
    assert page_text.count("Area under the curve") == 3
    assert page_text.count(" shuffled") == len(evaluation.depths(engine.tree(catalogue.load("shapes"))))
    assert "Picture: checked heart · Class: *checked heart* (96.2%)" in page_text
    assert "the mean of 3 draws, with the seeds 0, 1 and 2" in page_text
    assert "set to 0 in the model's normalised" in page_text
    assert "They miss it by" in page_text
    assert not test.warning


def test_the_page_warns_of_what_ignores_the_model_and_refuses_what_is_no_evidence() -> None:
    assert any("edges more than" in warning.value for warning in page("trust", visualisation="deconvnet").warning)
    test = page("trust", visualisation="activations")
    assert any("nothing to test" in box.value for box in test.info)
    assert [button.label for button in test.main.button] == ["Test Grad\\-CAM", "Test LRP", "Test Integrated gradients"]
    test.button(key="test grad-cam").click().run()
    assert not test.exception
    assert test.subheader[0].value == "Can Grad-CAM be trusted here?"
    assert any("Layer: `features`" in caption.value for caption in test.caption)


def test_a_look_costs_no_computation_and_a_model_that_fails_spoils_only_its_own_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shuffled_depths: list[str] = []
    shuffled = verdict.shuffled

    def counted(
        request: Request, model: Model, picture: Picture, result: engine.Result, depth: evaluation.Depth
    ) -> Generator[engine.Result, None, None]:
        shuffled_depths.append(depth.words)
        if depth.words == "classifier":
            raise MirrorError("This one is not finite.")
        return shuffled(request, model, picture, result, depth)

    monkeypatch.setattr(verdict, "shuffled", counted)
    test = page("trust")
    assert shuffled_depths == ["classifier", "all above features.4", "all above features.1", "everything"]
    assert any("classifier shuffled: This one is not finite" in caption.value for caption in test.caption)
    assert any("**Grad" in item.value or "add up to the logit" in item.value for item in test.markdown)
    shuffled_depths.clear()
    test.slider(key="grad-cam.strength").set_value(0.3).run()
    assert shuffled_depths == ["classifier"]  # what failed is tried again
    assert not test.exception


def test_no_two_computations_of_the_page_are_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    join = Jobs.join

    def noted(jobs: Jobs[object], key: str, frames: Frames[object]) -> AbstractContextManager[Job[object]]:
        keys.append(key)
        return join(jobs, key, frames)

    monkeypatch.setattr(Jobs, "join", noted)
    page("trust")
    assert len(keys) > 5
    assert len(set(keys)) == len(keys)


def test_of_a_model_that_is_not_sure_or_not_trained_this_is_said() -> None:
    test = page("trust", model="squeezenet1_1-untrained", visualisation="layer-cam")
    page_text = "\n".join(item.value for item in [*test.markdown, *test.caption])
    assert "the model is untrained" in page_text
    assert "little to remove" in page_text
    assert not test.exception


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(dashboard: Callable[..., Page], width: int, scheme: str) -> None:
    page = dashboard("trust?visualisation=layer-cam", width, 900, scheme, at_rest=False)
    expect(page.get_by_text("add up to the logit")).to_be_attached(timeout=90_000)
    page.wait_for_selector(READY)
    page.wait_for_timeout(700)
    page.screenshot(path=SCREENSHOTS / f"trust-{width}-{scheme}.png")
    assert faults(page) == []
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(3)
    expect(page.get_by_text("Swipe the row")).to_be_visible(visible=width < 600)
    page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / f"trust-{width}-{scheme}-below.png")
    assert faults(page) == []


def test_what_should_add_up_is_measured(dashboard: Callable[..., Page]) -> None:
    page = dashboard("trust?visualisation=lrp", at_rest=False)
    expect(page.get_by_text(re.compile(r"It adds up to \d+\.\d% of it"))).to_be_attached(timeout=90_000)


def test_a_method_that_ignores_the_model_is_warned_of_and_pictures_of_shuffled_models_stand_side_by_side(
    dashboard: Callable[..., Page],
) -> None:
    page = dashboard("trust?visualisation=back-prop&guide=on", at_rest=False)
    expect(page.get_by_text("not an explanation")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("add up to the logit")).to_be_attached(timeout=90_000)
    page.wait_for_selector(READY)
    expect(page.get_by_text("Verdict: not an explanation")).to_be_visible()
    expect(page.get_by_text("this proves little")).to_have_count(3)
    page.wait_for_function(FIVE_DIFFERENT_PICTURES, timeout=90_000)
    page.locator(".stSwitch, .stCheckbox").get_by_text("Guided").click()
    expect(page.get_by_text("not an explanation")).to_be_hidden()
