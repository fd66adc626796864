"""Gradients are right wherever the model computes them again, and refused by name where they end."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mirror_app.visualisations.core import (
    Activations,
    ClassPicture,
    FilterVisualisation,
    GradCam,
    Gradient,
    IntegratedGradients,
    Occlusion,
    SmoothGrad,
)
from tests.networks import resnet18, state
from tests.odd_models import gradients
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE, PICTURES, Build, as_it_stands, slopes
from tests.refused import refused


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("build", gradients.BLIND)
def test_gradients_that_end_inside_are_refused_by_name(build: Build) -> None:
    model, culprit = build().eval(), "head" if build is gradients.NoGradAtAll else ""
    for visualisation in (Gradient(model), IntegratedGradients(model), ClassPicture(model)):
        with refused(culprit, hint="such as Occlusion", problem="gradients end"):
            visualisation(ONE)
    assert Occlusion(model)(ONE, patch=6, stride=6)[1]["raw"].any()
    assert Activations(model)(ONE, "conv")[1]["raw"].any()


def test_a_layer_behind_what_has_no_gradient_can_be_explained() -> None:
    model = gradients.NoGradBackbone().eval()
    assert torch.equal(GradCam(model)(ONE, "conv")[1]["raw"], GradCam(Small())(ONE, "conv")[1]["raw"])
    with refused(hint="such as Occlusion", problem="no_grad"):
        GradCam(model)(ONE, "first")


def test_inference_mode_inside_a_forward_is_refused() -> None:
    with refused(hint="such as Occlusion", problem="gradients end"):
        Gradient(gradients.InferenceInside().eval())(ONE)


class Detaches(Small):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs.detach())


def test_a_picture_of_noise_alone_is_refused() -> None:
    for model, hint in ((Detaches(), "another target or layer"), (gradients.NoGradAtAll(), "record a graph")):
        with refused(hint=hint):
            ClassPicture(model.eval())(ONE)
    with refused(hint="another target or layer"):
        FilterVisualisation(Detaches().eval())(ONE, "conv")


@pytest.mark.parametrize("build", gradients.RECOMPUTED)
def test_blocks_that_are_computed_again_are_looked_into(build: Build) -> None:
    model = build().eval()
    before = state(model)
    expected = slopes(model, ONE, 2) if build is not gradients.ByAFlag else slopes(Small(), ONE, 2)
    assert torch.allclose(Gradient(model)(ONE, target_class=2)[1]["raw"], expected, atol=1e-7)
    taken: list[Tensor] = []
    other: Any = as_it_stands(model)
    if build is gradients.ByAFlag:
        other.grad_checkpointing = False
    other.conv.register_forward_hook(lambda _module, _inputs, output: taken.append(output))
    (slope,) = torch.autograd.grad(other(ONE.clone().requires_grad_())[0, 2], taken[0])
    cam = (slope.mean((2, 3), keepdim=True) * taken[0]).sum(1)
    assert torch.allclose(GradCam(model)(ONE, "conv", target_class=2)[1]["raw"], cam, atol=1e-6)
    assert state(model) == before


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_are_there_whatever_mode_the_caller_is_in(mode: type) -> None:
    expected = GradCam(Small())(ONE, "conv")[1]["raw"]
    with mode():
        for given in (ONE, ONE.clone()):  # the clone is an inference tensor
            assert torch.equal(GradCam(Small())(given, "conv")[1]["raw"], expected)
        assert SmoothGrad(Small())(ONE, n=2)[1]["raw"].any()
        assert ClassPicture(Small())(ONE, steps=2)[1]["raw"].any()


def test_weights_and_buffers_made_in_inference_mode_have_gradients() -> None:
    expected = GradCam(resnet18())(PICTURES, "layer1", target_class=1)[1]["raw"]
    with torch.inference_mode():
        model = resnet18()
    assert torch.equal(GradCam(model)(PICTURES, "layer1", target_class=1)[1]["raw"], expected)


@pytest.mark.parametrize("build", gradients.TAKING_GRADIENTS)
def test_a_model_that_takes_gradients_itself_is_looked_into(build: Build) -> None:
    model = build().eval()
    before = state(model)
    for module in model.parameters():
        module.grad = None
    expected = slopes(model, ONE, 2)
    assert torch.allclose(Gradient(model)(ONE, target_class=2)[1]["raw"], expected, atol=1e-7)
    taken: list[Tensor] = []
    other = as_it_stands(model)
    other.get_submodule("conv").register_forward_hook(lambda _module, _inputs, output: taken.append(output))
    (slope,) = torch.autograd.grad(other(ONE.clone().requires_grad_())[0, 2], taken[-1])
    cam = (slope.mean((2, 3), keepdim=True) * taken[-1]).sum(1)
    assert torch.allclose(GradCam(model)(ONE, "conv", target_class=2)[1]["raw"], cam, atol=1e-6)
    assert state(model) == before


@pytest.mark.parametrize("build", gradients.CALLING_BACKWARD)
def test_a_model_that_calls_backward_is_refused_by_name(build: Build) -> None:
    model = build().eval()
    before = state(model)
    for visualisation in (Gradient(model), GradCam(model), Occlusion(model)):
        with refused(culprit="backward()", hint="torch.autograd.grad"):
            visualisation(ONE, "conv")
    assert state(model) == before
