"""Models that write as they run stay as they were, and their pictures are right."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirror_app import engine
from mirror_app.images import Preprocessing, from_tensor
from mirror_app.models import Model
from mirror_app.probe import View
from mirror_app.visualisations.core import (
    Activations,
    GradCam,
    Gradient,
    IntegratedGradients,
    Occlusion,
    Rise,
    SmoothGrad,
)
from tests.networks import state
from tests.odd_models import writing
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE, PICTURES, Build, as_it_stands, slopes, state_and_attributes


@pytest.mark.parametrize("build", writing.WRITERS)
@pytest.mark.parametrize("training", [False, True])
def test_a_model_that_changes_as_it_runs_is_left_as_it_was(build: Build, training: bool) -> None:
    model = build()
    nn.Module.train(model, training) if build is not writing.FitsInTrain else None
    before = state_and_attributes(model)
    expected = slopes(model, ONE, 2)
    kept = Gradient(model)
    for visualisation in (kept, kept, Gradient(model)):  # the first call is no different from the second
        _, info = visualisation(ONE, target_class=2)
        assert torch.allclose(info["raw"], expected, rtol=1e-5, atol=1e-8)
        assert info["untouched"]
    GradCam(model)(ONE, "conv")
    Rise(model)(ONE, n=100)
    Activations(model)(ONE, "conv")
    assert state_and_attributes(model) == before


@pytest.mark.parametrize("build", writing.WRITERS)
def test_a_layer_of_a_model_that_changes_as_it_runs_can_be_a_target(build: Build) -> None:
    model = build()
    before = state_and_attributes(model)
    leaf = ONE.clone().requires_grad_()
    (expected,) = torch.autograd.grad(as_it_stands(model).get_submodule("first")(leaf)[0, 1].sum(), leaf)
    raw = Gradient(model)(ONE, target_class="first:1")[1]["raw"]
    assert torch.allclose(raw, expected, rtol=1e-5, atol=1e-8)
    assert state_and_attributes(model) == before


@pytest.mark.parametrize("build", writing.WRITERS)
def test_the_page_does_not_run_a_model_that_changes_as_it_runs(build: Build) -> None:
    model = build()
    before = state_and_attributes(model)
    preprocessing = Preprocessing(12, 12, (0.0,) * 3, (1.0,) * 3)
    shown = Model("odd", model, preprocessing, tuple("abcde"))
    prediction = engine.predict(shown, from_tensor(ONE[0], "one", preprocessing))
    assert prediction.deviation == 0
    assert state_and_attributes(model) == before


class InPlace(Small):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs.sub_(0.5).div_(0.25))


class InPlaceSlice(Small):
    def forward(self, inputs: Tensor) -> Any:
        inputs[:, :, :2] = 0
        return super().forward(inputs)


class InPlaceData(Small):
    def forward(self, inputs: Tensor) -> Any:
        inputs.data.clamp_(min=0.4)
        return super().forward(inputs)


@pytest.mark.parametrize("build", [InPlace, InPlaceSlice, InPlaceData])
def test_a_forward_that_writes_into_its_argument_gets_a_copy(build: Build) -> None:
    model, given = build().eval(), PICTURES.clone()
    whole = torch.cat([model(picture.clone()) for picture in PICTURES.split(1)])[:, 3]
    hidden = PICTURES.clone()
    hidden[:, :, :6, :6] = 0
    for picture in hidden:
        picture.unsqueeze_(0)
    drop = whole - torch.stack([model(picture[None].clone())[0, 3] for picture in hidden])
    raw = Occlusion(model)(given, patch=6, stride=6, target_class=3)[1]["raw"]
    assert torch.allclose(raw[:, 0, 0], drop, atol=1e-6)
    Gradient(model)(given, target_class=3)
    Rise(model)(given, n=100)
    IntegratedGradients(model)(given, steps=3)
    View(model).run(given)
    assert torch.equal(given, PICTURES)
    preprocessing = Preprocessing(12, 12, (0.0,) * 3, (1.0,) * 3)
    shown, picture = Model("odd", model, preprocessing, tuple("abcde")), from_tensor(given[0], "one", preprocessing)
    first = engine.predict(shown, picture)
    assert first.deviation < 1e-6
    assert np.array_equal(first.probabilities, engine.predict(shown, picture).probabilities)
    assert torch.equal(given, PICTURES)


@pytest.mark.parametrize("build", writing.NOW_AND_THEN)
def test_what_a_model_writes_now_and_then_does_not_reach_it(build: Build) -> None:
    preprocessing = Preprocessing(12, 12, (0.0,) * 3, (1.0,) * 3)
    model = build().eval()
    before = state_and_attributes(model)
    expected = slopes(model, PICTURES, 2)
    kept = Gradient(model)
    for _ in range(2):
        _, info = kept(PICTURES, "conv", target_class=2)
        assert torch.allclose(info["raw"], expected, rtol=1e-5, atol=1e-8)
        assert info["untouched"]
        Rise(kept.view)(ONE, n=100)
        SmoothGrad(kept.view)(ONE, n=4, sigma=0.5)
    GradCam(model)(3 * ONE, "conv")
    shown = Model("odd", model, preprocessing, tuple("abcde"))
    for picture in (ONE[0], 3 * ONE[0]):
        engine.predict(shown, from_tensor(picture, "one", preprocessing))
    assert state_and_attributes(model) == before


@pytest.mark.parametrize("build", writing.OVERLAPPING)
def test_tensors_over_one_storage_are_so_in_the_copy(build: Build) -> None:
    model = build().eval()
    before = state(model)
    leaf = ONE.clone().requires_grad_()
    (expected,) = torch.autograd.grad(build().eval()(leaf)[0, 2], leaf)  # a deep copy would tear parameters apart
    kept = Gradient(model)
    for _ in range(2):
        assert torch.allclose(kept(ONE, target_class=2)[1]["raw"], expected, rtol=1e-5, atol=1e-8)
    assert state(model) == before
