"""Objects that a user keeps follow what changes in the model."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirror_app.probe import Pool
from mirror_app.visualisations.core import (
    Gradient,
)
from tests.odd_models import base, keeping
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE, slopes


def test_kept_objects_follow_the_model() -> None:
    model = Small().eval()
    kept, pool = Gradient(model), Pool(model)

    def both() -> list[Tensor]:
        with pool.lease() as view:
            pooled = Gradient(view)(ONE, target_class=2)[1]["raw"]
        return [kept(ONE, target_class=2)[1]["raw"], pooled]

    def follows() -> bool:
        expected = slopes(model, ONE, 2)
        return all(torch.allclose(raw, expected, atol=1e-7) for raw in both())

    assert follows()
    model.head = nn.Linear(6, 5)
    assert follows()
    model.load_state_dict({name: value + 0.5 for name, value in model.state_dict().items()}, assign=True)
    assert follows()
    with torch.no_grad():
        model.conv.weight.mul_(2)
    assert follows()
    for parameter in model.parameters():  # as averaged weights are swapped in
        parameter.data = parameter.data * 0.5
    assert follows()
    model.conv.register_forward_hook(lambda _module, _inputs, output: output * 3)
    assert follows()
    model.register_buffer("scale", torch.ones(()))
    model.forward = lambda inputs: Small.forward(model, inputs) * 4  # type: ignore[method-assign]
    assert follows()


def test_weights_made_in_inference_mode_are_followed() -> None:
    with torch.inference_mode():
        model = Small().eval()
    kept = Gradient(model)
    before = kept(ONE, target_class=2)[1]["raw"]
    with torch.inference_mode():
        model.head.weight.mul_(2)
    assert torch.allclose(kept(ONE, target_class=2)[1]["raw"], 2 * before, rtol=1e-5)


@pytest.mark.parametrize("name", keeping.CHANGED)
def test_kept_objects_follow_what_the_model_holds_beside_its_tensors(name: str) -> None:
    build, change = keeping.CHANGED[name]
    model = build().eval()
    kept, pool = Gradient(model), Pool(model)

    def found() -> list[Tensor]:
        with pool.lease() as view:
            pooled = Gradient(view)(ONE, target_class=2)[1]["raw"]
        return [kept(ONE, target_class=2)[1]["raw"], pooled]

    assert all(torch.allclose(raw, slopes(Small(), ONE, 2), rtol=1e-5, atol=1e-8) for raw in found())
    change(model)
    leaf = ONE.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(leaf)[0, 2], leaf)
    assert not torch.allclose(expected, slopes(Small(), ONE, 2), rtol=1e-2)
    assert all(torch.allclose(raw, expected, rtol=1e-5, atol=1e-8) for raw in found())


def test_what_is_remembered_of_a_model_is_forgotten_when_its_objects_change() -> None:
    class Squeezing(Small):
        def __init__(self) -> None:
            super().__init__()
            self.options: Any = base.Box(squeezes=False)

        def forward(self, inputs: Tensor) -> Any:
            answer = super().forward(inputs)
            return answer.squeeze() if self.options.squeezes else answer

    model = Squeezing().eval()
    expected = slopes(Small(), ONE, 2)
    kept = Gradient(model)
    assert torch.equal(kept(ONE, target_class=2)[1]["raw"], expected)
    model.options.squeezes = True
    for visualisation in (Gradient(model), kept):
        assert torch.equal(visualisation(ONE, target_class=2)[1]["raw"], expected)


def test_a_weight_in_an_object_is_followed_to_its_new_storage() -> None:
    class Scaled(Small):
        def __init__(self) -> None:
            super().__init__()
            self.options: Any = base.Box(scale=nn.Parameter(torch.ones(())))

        def forward(self, inputs: Tensor) -> Any:
            return super().forward(inputs) * self.options.scale

    model = Scaled().eval()
    kept = Gradient(model)
    before = kept(ONE, target_class=2)[1]["raw"]
    model.options.scale.data = torch.tensor(3.0)
    assert torch.allclose(kept(ONE, target_class=2)[1]["raw"], 3 * before, rtol=1e-5)
