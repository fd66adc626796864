"""Models that catch errors, hook layers, are compiled in part or draw random numbers can be explained."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app import engine
from mirror_app.images import Preprocessing, from_tensor
from mirror_app.models import Model
from mirror_app.probe.randomness import state_of
from mirror_app.visualisations.core import (
    AblationCam,
    Activations,
    GradCam,
    Gradient,
)
from tests.networks import Tricky, resnet18, state
from tests.odd_models import running
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE, PICTURES, Build, slopes


def test_hooks_that_a_model_adds_as_it_runs_do_not_reach_the_model() -> None:
    model: Any = transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            num_encoder_blocks=2,
            depths=[1, 1],
            sr_ratios=[2, 1],
            hidden_sizes=[8, 16],
            patch_sizes=[7, 3],
            strides=[4, 2],
            num_attention_heads=[1, 2],
            mlp_ratios=[2, 2],
            decoder_hidden_size=16,
        )
    )
    model.eval()
    before = state(model)
    preprocessing = Preprocessing(64, 64, (0.0,) * 3, (1.0,) * 3)
    shown = Model("segformer", model, preprocessing, ())
    picture = from_tensor(torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)), "noise", preprocessing)
    for _ in range(2):
        assert engine.predict(shown, picture).regions is not None
    assert state(model) == before


def test_compiled_models_are_unwrapped_and_say_so() -> None:
    expected = GradCam(Tricky().eval())(PICTURES, "late")[1]
    compiled: Any = torch.compile(Tricky().eval())
    _, info = GradCam(compiled)(PICTURES, "late")
    assert torch.equal(info["raw"], expected["raw"])
    assert "torch.compile" in info["note"]
    inner: Any = resnet18()
    raw = Gradient(inner)(PICTURES, target_class=1)[1]["raw"]
    inner.layer4 = torch.compile(inner.layer4)
    inner.layer1.compile()
    assert torch.equal(Gradient(inner)(PICTURES, target_class=1)[1]["raw"], raw)


@pytest.mark.parametrize("build", running.CATCHERS)
def test_a_model_that_catches_what_its_layers_raise_is_stopped_at_a_layer_all_the_same(build: Build) -> None:
    model, plain = build().eval(), Small().eval()
    for visualisation in (AblationCam, GradCam, Activations):
        kept = visualisation(model)
        expected = visualisation(plain)(ONE, "conv")[1]["raw"]
        assert all(torch.equal(kept(ONE, "conv")[1]["raw"], expected) for _ in range(2))


@pytest.mark.parametrize("build", running.HOOKING)
def test_a_hook_that_is_removed_at_the_end_of_a_forward_does_not_stay(build: Build) -> None:
    model = build().eval()
    leaf = ONE.clone().requires_grad_()
    (expected,) = torch.autograd.grad(build().eval()(leaf)[0, 2], leaf)
    before = state(model)
    assert torch.allclose(Gradient(model)(ONE, target_class=2)[1]["raw"], expected, atol=1e-7)
    for visualisation in (Activations(model), GradCam(model), AblationCam(model)):
        first, *others = [visualisation(ONE, "conv")[1]["raw"] for _ in range(3)]
        assert all(torch.equal(first, other) for other in others)
    assert state(model) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("build", running.COMPILED)
def test_what_is_compiled_in_part_is_unwrapped_and_says_so(build: Build) -> None:
    model = build().eval()
    expected = slopes(Small(), ONE, 2)
    kept = Gradient(model)
    for _ in range(2):
        _, info = kept(ONE, target_class=2)
        assert torch.equal(info["raw"], expected)
        assert "torch.compile" in info["note"]
    name = next(name for name, module in kept.view.modules.items() if name in ("conv", "conv._orig_mod"))
    cam = GradCam(model)(ONE, name, target_class=2)[1]["raw"]
    assert torch.equal(cam, GradCam(Small())(ONE, "conv", target_class=2)[1]["raw"])
    ablated = AblationCam(model)(ONE, name, target_class=2)[1]["raw"]
    assert torch.equal(ablated, AblationCam(Small())(ONE, "conv", target_class=2)[1]["raw"])


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("build", running.SPARSE)
def test_sparse_tensors_are_no_hindrance(build: Build) -> None:
    model = build().eval()
    leaf = ONE.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(leaf)[0, 2], leaf)
    kept = Gradient(model)
    assert all(torch.allclose(kept(ONE, target_class=2)[1]["raw"], expected, atol=1e-7) for _ in range(2))


@pytest.mark.parametrize("build", running.DRAWING)
def test_a_model_that_draws_random_numbers_draws_the_same_and_none_of_the_callers(build: Build) -> None:
    model = build().eval()
    generators = [torch.default_generator, random, np.random.mtrand._rand]
    generators += [own for own in (vars(model).get("generator"),) if own is not None]
    before = [repr(state_of(generator)) for generator in generators]
    preprocessing = Preprocessing(12, 12, (0.0,) * 3, (1.0,) * 3)
    shown = Model("odd", model, preprocessing, tuple("abcde"))
    for _ in range(2):
        assert engine.predict(shown, from_tensor(ONE[0], "one", preprocessing)).deviation == 0
    kept = Gradient(model)
    (first, info), (again, _), (other, _) = [
        visualisation(PICTURES, target_class=2) for visualisation in (kept, kept, Gradient(model))
    ]
    assert torch.equal(first, again)
    assert torch.equal(first, other)
    assert "draws random numbers" in info["note"]
    assert "neighbours" not in info["note"]
    assert [repr(state_of(generator)) for generator in generators] == before
    assert "note" not in Gradient(Small())(ONE)[1]


def test_random_models_of_several_threads_are_told_from_others_and_give_the_generators_back() -> None:
    class Drawing(Small):
        def forward(self, inputs: Tensor) -> Any:
            return super().forward(F.dropout(inputs))

    models = [(Drawing if number % 2 else Small)() for number in range(40)]
    expected = Gradient(models[1])(ONE)[1]["raw"]
    before = state_of(torch.default_generator)

    def is_right(model: nn.Module) -> bool:
        info, draws = Gradient(model)(ONE)[1], isinstance(model, Drawing)
        is_told = "draws random numbers" in info.get("note", "")
        return is_told == draws and (not draws or torch.equal(info["raw"], expected))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(is_right, models))
    assert torch.equal(state_of(torch.default_generator), before)
