"""What cannot be explained is refused in one sentence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirror_app.visualisations.core import (
    Activations,
    GradCam,
    Gradient,
)
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE
from tests.refused import Fields, refused


def _scripted() -> nn.Module:
    return torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))


def _quantised() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(432, 3))
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear})


class _Complex(Small):
    def forward(self, inputs: Tensor) -> Any:
        return torch.fft.fft(super().forward(inputs))


class _ComplexMaps(nn.Module):
    def forward(self, inputs: Tensor) -> Any:
        return torch.fft.fft2(inputs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("build", "fields"),
    [
        (_scripted, {"culprit": "RecursiveScriptModule", "hint": "pass the nn.Module"}),
        (_quantised, {"culprit": "1", "hint": "the floating-point model"}),
        (lambda: nn.Sequential(nn.LazyConv2d(3, 3)), {"culprit": "0", "hint": "run the model once"}),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3, device="meta")), {"culprit": "0", "hint": "load them first"}),
        (_Complex, {"culprit": "complex numbers", "accepted": "a real number"}),
        (lambda: "resnet18", {"culprit": "str", "accepted": "an nn.Module"}),
    ],
)
def test_what_cannot_be_looked_into_gets_one_sentence(build: Callable[[], Any], fields: Fields) -> None:
    with refused(**fields):
        Gradient(build())(ONE)


def test_inputs_and_layers_that_cannot_be_meant_get_one_sentence() -> None:
    model = Small()
    shape = str(tuple(ONE.shape))
    for given, culprit, accepted in (
        (ONE[:0], shape.replace("(1,", "(0,"), "at least one picture"),
        (ONE * torch.nan, "NaN or infinity", "finite values"),
        (ONE.to(torch.complex64), shape, "a float tensor"),
        (ONE.long(), shape, "a float tensor"),
    ):
        with refused(culprit, accepted):
            Gradient(model)(given)
    layers: list[Any] = [2, 2.5, [model.conv, model.first], object()]
    for layer in layers:
        with refused(culprit=type(layer).__name__, accepted="a dotted name or a submodule"):
            GradCam(model)(ONE, layer)
    expected = GradCam(model)(ONE, "conv", target_class=3)[1]["raw"]
    for layer in ([model.conv], (model.conv,), ["conv"]):
        assert torch.equal(GradCam(model)(ONE, layer, target_class=3)[1]["raw"], expected)  # type: ignore[arg-type]
    targets: list[Any] = [np.int64(3), np.uint8(3), torch.tensor(3), torch.tensor([3])]
    for target in targets:
        assert torch.equal(GradCam(model)(ONE, "conv", target_class=target)[1]["raw"], expected)
    for target in (3.0, True, torch.tensor([1, 2]), -1, [3]):
        with refused(culprit=str(target), accepted="the number of a class"):
            GradCam(model)(ONE, "conv", target_class=target)
    with refused(culprit="0", hint="another layer", problem="complex"):
        Activations(nn.Sequential(_ComplexMaps(), nn.Identity()))(ONE, "0")
    broken = Small()
    nn.init.constant_(broken.head.bias, torch.nan)
    nn.init.constant_(broken.head.weight, torch.nan)
    with refused(culprit="conv", hint="check the weights for NaN"):
        Gradient(broken)(ONE, target_class=0)
