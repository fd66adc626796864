"""What cannot be copied, or closes over the model, does not stand in the way."""

import functools
import gc
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirror_app.visualisations.core import (
    Activations,
    Gradient,
    Occlusion,
    SmoothGrad,
)
from tests.networks import state
from tests.odd_models import copying
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE, Build, slopes
from tests.refused import refused


@pytest.mark.parametrize("build", copying.UNCOPYABLE)
def test_what_cannot_be_copied_is_no_hindrance(build: Build) -> None:
    model = build()
    before = state(model)
    raw = Gradient(model)(ONE, target_class=1)[1]["raw"]
    assert torch.equal(raw, slopes(Small(), ONE, 1))
    assert state(model) == before
    if log := vars(model).get("log"):
        log.close()


@pytest.mark.parametrize("build", copying.CLOSURES)
def test_a_function_that_closes_over_the_model_runs_the_copy(build: Build) -> None:
    model: Any = build().train()
    model.add_module("norm", nn.BatchNorm2d(3))
    own = model.forward

    def forward(inputs: Tensor) -> Any:
        return own(model.norm(inputs))

    model.forward = forward
    before = state(model)
    raw = Gradient(model)(ONE, target_class=1)[1]["raw"]
    assert raw.any()
    assert state(model) == before
    model.eval()
    leaf = ONE.clone().requires_grad_()
    assert torch.allclose(raw, torch.autograd.grad(model(leaf)[0, 1], leaf)[0], atol=1e-7)


def test_a_global_name_for_the_model_is_refused_before_it_runs() -> None:
    model = copying.UsesAGlobal().train()
    before = state(model)
    for visualisation in (Gradient(model), Occlusion(model), Activations(model)):
        with refused(hint="the layer's own attributes"):
            visualisation(ONE, "net.conv")
    assert state(model) == before


@pytest.mark.parametrize("cached", [functools.cache, functools.lru_cache, functools.lru_cache(maxsize=2)])
def test_a_cache_of_the_class_keeps_no_copies_alive(cached: Any) -> None:
    class Gridded(Small):
        @cached  # type: ignore[untyped-decorator]
        def grid(self, height: int, width: int) -> Tensor:
            return torch.full((height, width), 2.0)

        def forward(self, inputs: Tensor) -> Any:
            return super().forward(inputs * self.grid(*inputs.shape[2:]))

    model = Gridded().eval()
    for _ in range(3):
        assert SmoothGrad(model)(ONE, n=4)[1]["raw"].any()
    gc.collect()
    assert [found for found in gc.get_objects() if type(found) is Gridded] == [model]
