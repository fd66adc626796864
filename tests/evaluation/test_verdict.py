"""How far a picture can be trusted: baselines, shuffling, and the curves of a request."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from mirror_app import engine, evaluation, layers
from mirror_app.evaluation import verdict
from mirror_app.evaluation.verdict import Removal
from mirror_app.models import catalogue
from mirror_app.probe import View, fingerprint
from mirror_app.ui.trust import verdict_text
from mirror_app.visualisations import registry
from tests.evaluation.requests import PICTURE, computed
from tests.networks import ANYWHERE, Linear, state
from tests.refused import refused


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
    assert [depth.label for depth in found] == ["head", "everything after first", "everything"]
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
    assert len(evaluation.depths(layers.tree(model, view.calls), max_count=2)) == 2
    relu = View(nn.Sequential(nn.ReLU()))
    relu.record_calls(torch.rand(1, 3, 8, 8))
    with refused(accepted="a layer with weights"):
        evaluation.depths(layers.tree(relu.module, relu.calls))


def test_the_map_of_a_shuffled_classifier_is_its_closed_form() -> None:
    model, inputs = Linear(classes=5), torch.rand(1, 3, 6, 7)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    weights = model.classifier.weight.detach().flatten()[order].view(5, 4)
    shuffled = evaluation.with_weights_shuffled(model, ["classifier"])
    raw = registry.get("cam").kind(shuffled)(inputs, "maps", target_class=2)[1]["raw"]
    assert torch.allclose(raw, torch.einsum("k,nkhw->nhw", weights[2], model.maps(inputs).detach()), atol=1e-6)


@pytest.mark.minutes
def test_the_curves_of_a_request_are_those_of_its_evidence() -> None:
    request, result = computed("grad-cam")
    model = catalogue.load("shapes")
    before = fingerprint(model.module)
    (found,) = verdict.curves(request, model, PICTURE, result)
    inputs, target = model.inputs(PICTURE), result.info["target_class"][0]
    *some, lines = verdict.baseline_curves(model, PICTURE, target)
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
        assert not lines["random"].is_decided_early(removal)  # this network tells methods apart
    assert abs(lines["random"].area(Removal.ROAD)) < 0.1


class Fragile(nn.Module):
    """Class 1 is there only while less than a twentieth of the picture is zero."""

    def forward(self, inputs: Tensor) -> Tensor:
        gone = (inputs == 0).float().mean((1, 2, 3))
        return torch.stack([200 * gone, torch.full_like(gone, 10)], 1)


def test_a_class_that_any_damage_ends_and_that_blur_does_not_is_seen_in_the_random_line() -> None:
    model = replace(catalogue.load("shapes"), module=Fragile())
    *_, lines = verdict.baseline_curves(model, PICTURE, 1)
    shares = torch.linspace(0, 1, verdict.STEPS + 1)
    assert torch.allclose(torch.from_numpy(lines["random"].deletion), (10 - 200 * shares).sigmoid(), atol=0.01)
    assert all(lines["random"].is_decided_early(removal) for removal in (Removal.DELETION, Removal.INSERTION))


def test_a_method_that_reads_weights_changes_when_they_are_shuffled_and_one_that_does_not_stays() -> None:
    model = catalogue.load("shapes")
    before = state(model.module)
    head, *_, everything = evaluation.depths(engine.tree(model))
    found = {}
    for key in ("grad-cam", "eigen-cam"):
        request, result = computed(key)
        frames = [list(verdict.shuffled(request, model, PICTURE, result, depth)) for depth in (head, everything)]
        assert all(frame.info.get("target_class", [9]) == result.info.get("target_class", [9]) for (frame,) in frames)
        found[key] = [verdict.similarity(result, frame) for (frame,) in frames]
        assert verdict.similarity(result, result) == pytest.approx(1)
    assert found["grad-cam"][0] < 0.3
    assert abs(found["eigen-cam"][0]) == pytest.approx(1)  # it asks the last layer for the sign alone
    assert found["eigen-cam"][1] < 0.9
    assert state(model.module) == before


@pytest.mark.minutes
def test_what_takes_long_can_be_given_up_between_two_frames() -> None:
    request, result = computed("rise", n=400)
    model = catalogue.load("shapes")
    frames = verdict.shuffled(request, model, PICTURE, result, evaluation.depths(engine.tree(model))[0])
    assert 0 < next(frames).info["progress"] < 1
    frames.close()


def test_the_verdict_tells_where_the_picture_becomes_another() -> None:
    names = ("fc", "everything after layer3", "everything")

    def caption(*figures: float) -> str:
        return verdict_text.below_shuffled(dict(zip(names, figures, strict=True)))

    assert "Shuffling the last layer already changes the map] (rank correlation −0.30)" in caption(-0.3, 0.6, 0.2)
    assert (
        "Shuffling everything after layer3 barely changes the map]; :green[shuffling everything changes it clearly]"
        in caption(0.9, 0.8, 0.1)
    )
    assert "the map depends on the earlier layers but hardly on the last ones." in caption(0.9, 0.8, 0.1)
    assert "(weakest rank correlation +0.60): the map shows the input" in caption(1, 0.6, 0.7)
    inverted = caption(-0.7, 0.1, 0.2)
    assert "Shuffling fc barely changes the map, except for inverting it]" in inverted
    assert "]; :green[shuffling everything after layer3 changes it clearly]" in inverted
    assert "hardly on the last one." in inverted
    assert "(weakest rank correlation −0.60): the map shows the input" in caption(1, -0.6, 0.7)


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_every_visualisation_is_tested_or_says_why_not(entry: registry.Entry) -> None:
    request, result = computed(entry.key, layer="features.4")
    prediction = engine.predict(catalogue.load("shapes"), PICTURE)
    if verdict.is_attribution(entry):
        assert verdict.explained_class(request, result, prediction) in range(32)
    else:
        with refused(culprit=entry.name, hint="Grad-CAM"):
            verdict.explained_class(request, result, prediction)


def test_what_is_no_class_and_what_is_many_layers_is_refused() -> None:
    model = catalogue.load("shapes")
    request, result = computed("back-prop", target_class="features.4:3")
    with refused(hint="a class as the target"):
        list(verdict.curves(request, model, PICTURE, result))
    request, result = computed("grad-cam", layer="*")
    with refused(hint="choose a layer"):
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
    similarity = verdict.similarity(result, turned)
    answer = verdict_text.of_shuffled({"classifier": similarity}, untrained=False)
    assert answer.good is False
    assert ("inverting" in answer.words) is (factor < 0 and result.raw.ndim == 3)  # of gradients the size counts


FLAT = {"zero": torch.zeros(5, 5), "one number": torch.full((5, 5), 0.3), "tiny": torch.full((2, 3, 5, 5), -1e-9)}


@pytest.mark.parametrize("flat", FLAT.values(), ids=FLAT)
def test_two_flat_pictures_have_nothing_to_compare(flat: torch.Tensor) -> None:
    nothing = evaluation.rank_correlation(flat, flat)
    answer = verdict_text.of_shuffled({"fc": nothing, "everything": nothing}, untrained=False)
    assert answer.good is None
    assert "the same value everywhere, so it cannot be compared" in answer.words
    assert verdict_text.of_shuffled({"fc": 0.0, "everything": nothing}, untrained=False).good is None
    assert verdict_text.signed(nothing) == "flat"
    ramp = torch.arange(flat.numel()).view(flat.shape).float()
    assert evaluation.rank_correlation(ramp, flat) == 0


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
    assert evaluation.buffers_holding_weights(module) == names
    shuffled = evaluation.with_weights_shuffled(module, [name for name, _ in module.named_modules()])
    assert all(torch.equal(one, other) for one, other in zip(module.buffers(), shuffled.buffers(), strict=True))
