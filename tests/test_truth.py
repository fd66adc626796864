"""On scenes whose masks are known, Grad-CAM points at what the model names."""

import pytest
import torch
from torch import Tensor

from benchmarks import truth
from mirror_app import render
from mirror_app.models import catalogue, data, shapes
from mirror_app.visualisations.core import GradCam

LAYER = "features"  # where the page begins
UNSEEN = shapes.HELD_OUT[50_000:50_200]


@pytest.fixture(scope="module")
def grad_cam() -> GradCam:
    return GradCam(catalogue.load("shapes").module)


def peaks(grad_cam: GradCam, things: int, place: int) -> Tensor:
    """Whether the peak for the thing at `place` lies in its filled outline, for each unseen scene of so many things."""
    pictures, labels = data.drawn(UNSEEN, things)
    found = []
    for number, seed in enumerate(UNSEEN):
        thing = shapes.scene(seed, things).things[place]
        inputs = data.normalised(pictures[number : number + 1])
        raw = grad_cam(inputs, LAYER, target_class=int(labels[number, place]))[1]["raw"]
        peak = int(render.resize(raw, (shapes.SIZE, shapes.SIZE)).argmax())
        found.append(bool(thing.outline[peak // shapes.SIZE, peak % shapes.SIZE]))
    return torch.tensor(found).float()


def test_the_peak_lies_on_the_object(grad_cam: GradCam, capsys: pytest.CaptureFixture[str]) -> None:
    share = peaks(grad_cam, 1, 0).mean()
    with capsys.disabled():
        print(f"\nGrad-CAM: peak on the object in {share:.1%} of {len(UNSEEN)} one-object scenes")
    assert share >= 0.98


@pytest.mark.parametrize("place", [0, 1])
def test_of_two_objects_the_peak_lies_on_the_one_that_is_asked_for(
    grad_cam: GradCam, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    share = peaks(grad_cam, 2, place).mean()
    with capsys.disabled():
        print(f"\nGrad-CAM: peak on object {place + 1} of two in {share:.1%} of {len(UNSEEN)} scenes")
    assert share >= 0.95


@pytest.mark.parametrize("name", ["grad-cam", "lrp"])
def test_by_every_measure_a_good_method_beats_random_numbers_and_edges(name: str) -> None:
    methods = truth.attributions()
    assert set(truth.BEATS_BOTH) < set(methods)
    table = {key: truth.averages(truth.measured(methods[key], truth.SEEDS[:4])) for key in ("random", "sobel", name)}
    for figure in ("peak", "mass", "grid", "insertion"):
        assert table[name][figure] > max(table["random"][figure], table["sobel"][figure]), figure
    assert table[name]["deletion"] < min(table["random"]["deletion"], 0.6)
    assert abs(table[name]["shuffled"]) < 0.95
    assert table["sobel"]["shuffled"] == pytest.approx(1)
