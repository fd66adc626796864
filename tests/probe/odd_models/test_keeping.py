"""State that models hold in objects is copied, and what the model does to it is undone."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirror_app.visualisations.core import (
    Gradient,
    Rise,
    SmoothGrad,
)
from tests.networks import state
from tests.odd_models import keeping
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE, Build, slopes


@pytest.mark.parametrize("build", keeping.KEEPERS)
def test_what_a_model_keeps_of_each_call_does_not_grow(build: Callable[[], tuple[nn.Module, list[Tensor]]]) -> None:
    model, kept = build()
    kept.clear()
    smooth = SmoothGrad(model)
    raw = smooth(ONE, target_class=1, n=8)[1]["raw"]
    assert kept == []
    lists = [value for value, _ in smooth.view._clone._containers if isinstance(value, list)]
    assert all(not value for value in lists)
    assert torch.equal(raw, SmoothGrad(Small())(ONE, target_class=1, n=8)[1]["raw"])


@pytest.mark.parametrize("name", keeping.HIDDEN)
def test_state_in_objects_is_copied_and_taken_back(name: str) -> None:
    held, holder = keeping.HIDDEN[name]()
    model = keeping.HoldsState(held, holder).eval()
    expected = slopes(Small(), ONE, 2)
    kept = Gradient(model)
    for visualisation in (kept, kept, Gradient(model)):
        assert torch.allclose(visualisation(ONE, target_class=2)[1]["raw"], expected, rtol=1e-5, atol=1e-8)
    assert keeping.count_of(holder(held)) == 0


@pytest.mark.parametrize("name", ["two objects deep", "three objects deep", "slots", "own pickling", "namespace"])
def test_a_batch_norm_in_an_object_does_not_move(name: str) -> None:
    held, holder = keeping.HIDDEN[name]()
    norm = nn.BatchNorm2d(3)
    holder(held).norm = norm

    class Normalised(Small):
        def forward(self, inputs: Tensor) -> Any:
            return super().forward(holder(vars(self)["held"]).norm(inputs))

    model = Normalised().train()
    vars(model)["held"] = held
    before = state(norm)
    assert Gradient(model)(ONE, target_class=2)[1]["raw"].any()
    assert Rise(model)(ONE, n=100)[1]["untouched"]
    assert state(norm) == before


def test_state_in_the_slots_of_a_module_is_copied() -> None:
    model = keeping.SlottedModule().eval()
    raw = Gradient(model)(ONE, target_class=2)[1]["raw"]
    assert torch.allclose(raw, 2 * slopes(Small(), ONE, 2), rtol=1e-5, atol=1e-8)
    assert model.scale == 1


@pytest.mark.parametrize("build", [keeping.KnowsItsParent, keeping.RefersToItsParent])
def test_a_weak_reference_to_the_model_leads_to_the_copy(build: Build) -> None:
    model = build().eval()
    kept = Gradient(model)
    assert all(torch.equal(kept(ONE, target_class=2)[1]["raw"], slopes(Small(), ONE, 2)) for _ in range(2))


@pytest.mark.parametrize("build", keeping.CLOSING)
def test_copies_do_not_close_what_they_share(build: Callable[[], Any]) -> None:
    model = build().eval()
    for _ in range(2):
        assert torch.equal(Gradient(model)(ONE, target_class=2)[1]["raw"], slopes(Small(), ONE, 2))
        gc.collect()
    assert not model.is_closed


def test_what_a_model_adds_to_a_layer_of_pytorch_is_taken_back() -> None:
    class Adding(Small):
        def forward(self, inputs: Tensor) -> Any:
            count = len(self.conv._buffers)
            self.conv.register_buffer(f"extra{count}", torch.ones(()))
            return super().forward(inputs) * (1 + count)

    model = Adding().eval()
    kept = Gradient(model)
    for _ in range(3):
        assert torch.equal(kept(ONE, target_class=2)[1]["raw"], slopes(Small(), ONE, 2))
    assert not dict(kept.view.module.get_submodule("conv").named_buffers())
