"""On scenes whose masks are known, Grad-CAM points at what the model names."""

import pytest
import torch
from torch import Tensor

from benchmarks import transformer, truth
from mirror_app import render
from mirror_app.bundled import dataset, scenes
from mirror_app.models import catalogue
from mirror_app.visualisations.core import GradCam

pytestmark = pytest.mark.minutes

LAYER = "features"  # where the page begins
UNSEEN = scenes.HELD_OUT[50_000:50_080]


@pytest.fixture(scope="module")
def grad_cam() -> GradCam:
    return GradCam(catalogue.load("shapes").module)


def peaks(grad_cam: GradCam, things: int, place: int) -> Tensor:
    """Whether the peak for the thing at `place` lies in its filled outline, for each unseen scene of so many things."""
    pictures, labels = dataset.draw(UNSEEN, things)
    found = []
    for number, seed in enumerate(UNSEEN):
        thing = scenes.scene(seed, things).objects[place]
        inputs = dataset.normalise(pictures[number : number + 1])
        raw = grad_cam(inputs, LAYER, target_class=int(labels[number, place]))[1]["raw"]
        peak = int(render.resize(raw, (scenes.SIZE, scenes.SIZE)).argmax())
        found.append(bool(thing.outline[peak // scenes.SIZE, peak % scenes.SIZE]))
    return torch.tensor(found).float()


def test_the_peak_lies_on_the_object(grad_cam: GradCam, capsys: pytest.CaptureFixture[str]) -> None:
    share = peaks(grad_cam, 1, 0).mean()
    with capsys.disabled():
        print(f"\nGrad-CAM: peak on the object in {share:.1%} of {len(UNSEEN)} one-object scenes")
    assert share >= 0.97


@pytest.mark.parametrize("place", [0, 1])
def test_of_two_objects_the_peak_lies_on_the_one_that_is_asked_for(
    grad_cam: GradCam, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    share = peaks(grad_cam, 2, place).mean()
    with capsys.disabled():
        print(f"\nGrad-CAM: peak on object {place + 1} of two in {share:.1%} of {len(UNSEEN)} scenes")
    assert share >= 0.95


def test_by_every_measure_a_good_method_beats_random_numbers_and_edges() -> None:
    methods = truth.attributions()
    assert set(truth.BEATS_BOTH) < set(methods)
    model = catalogue.load("shapes").module
    good = ("grad-cam", "lrp")
    table = {
        name: truth.averages([truth.score(methods[name], model, seed) for seed in truth.SEEDS[:4]])
        for name in (*truth.BASELINES, *good)
    }
    assert table["sobel"]["shuffled"] == pytest.approx(1)
    for name in good:
        for figure in ("pointing", "mass", "grid", "insertion", "road"):
            assert table[name][figure] > max(table[base][figure] for base in truth.BASELINES), figure
        assert table[name]["deletion"] < min(table[base]["deletion"] for base in truth.BASELINES)
        assert 0 <= table[name]["shuffled"] < 0.95
        for (method, figure), goal in truth.GOALS.items():
            assert method != name or table[name][figure] >= goal - 0.05, figure  # few scenes


def test_a_method_of_few_scenes_is_compared_on_those_alone() -> None:
    easy, hard, better = (truth.Score(share, share, share, 0, share, 0, 0) for share in (0.9, 0.1, 0.2))
    bases = {name: [hard, easy] for name in truth.BASELINES}
    table = {**bases, **{name: [better] for name in truth.BEATS_BOTH}}
    lines = [line for line in truth.goal_lines(table) if "beats random" in line]
    assert lines
    assert all(line.endswith("pointing, mass, insertion: reached") for line in lines)
    assert "beats random and Sobel in nothing: **missed**" in truth.goal_lines(table | {"rise": [hard]})[-1]


def test_relevance_lies_on_the_object_in_the_bundled_transformer() -> None:
    model = catalogue.load(transformer.MODEL).module
    means = {
        name: transformer.averages([transformer.score(method, model, seed) for seed in transformer.SEEDS[:8]])
        for name, method in transformer.methods().items()
        if name in ("attnlrp", "attention-relevance", "sobel")
    }
    assert means["attnlrp"]["mass"] > 0.8
    assert means["attention-relevance"]["mass"] > means["sobel"]["mass"]
