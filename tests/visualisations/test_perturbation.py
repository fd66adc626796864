"""Occlusion and RISE: equal to captum, to closed forms on linear models, and to what a mask is drawn from."""

from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from mirror_app import render
from mirror_app.visualisations.core import Occlusion, Rise, Visualisation
from mirror_app.visualisations.core.perturbation.rise import _masks
from tests.families import swin, vit
from tests.networks import Linear, bundled, resnet18, squeezenet, state
from tests.refused import refused

PICTURES = torch.randn(2, 3, 48, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BOUND = 1e-10
TARGET = 1


def raw(visualisation: Visualisation, inputs: Tensor = PICTURES, target: int | None = TARGET, **params: Any) -> Tensor:
    found: Tensor = visualisation(inputs, "", target_class=target, **params)[1]["raw"]
    return found


def difference(ours: Tensor, theirs: Tensor) -> float:
    assert theirs.any()
    assert ours.shape == theirs.shape
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max())


# Occlusion


@pytest.mark.parametrize("build", [resnet18, squeezenet, bundled, swin], ids=lambda build: build.__name__)
@pytest.mark.parametrize(
    ("patch", "stride", "fill"),
    [(16, 8, 0.0), (20, 20, 0.0), (28, 10, -1.5)],  # the last ones reach over the border
)
def test_occlusion_is_captums(
    build: type[nn.Module], patch: int, stride: int, fill: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tensor, "float", Tensor.double)  # it rounds its last step to single precision
    model = build().eval().double()
    with torch.no_grad():
        expected = captum.attr.Occlusion(model).attribute(
            PICTURES, (3, patch, patch), (3, stride, stride), baselines=fill, target=TARGET, perturbations_per_eval=4
        )
    ours = raw(Occlusion(model), patch=patch, stride=stride, fill=fill)
    assert difference(ours, expected[:, 0]) <= BOUND


def test_occlusion_of_a_linear_model_is_the_evidence_under_the_patch() -> None:
    model = Linear().double()
    weights = (model.classifier.weight[TARGET] @ model.maps.weight[:, :, 0, 0]).detach() / (48 * 40)
    evidence = torch.einsum("c,nchw->nhw", weights, PICTURES - 0.5)
    expected = nn.functional.avg_pool2d(evidence[:, None], 8, divisor_override=1)[:, 0]
    expected = expected.repeat_interleave(8, 1).repeat_interleave(8, 2)
    assert difference(raw(Occlusion(model), patch=8, stride=8, fill=0.5), expected) <= BOUND
    assert (
        difference(raw(Occlusion(model), patch=8, stride=8, fill=0.5).sum((1, 2)) / 64, evidence.sum((1, 2))) <= BOUND
    )


def test_a_patch_larger_than_the_picture_hides_all_of_it() -> None:
    model = Linear().double()
    logits = model(PICTURES)[:, TARGET] - model(torch.zeros_like(PICTURES))[:, TARGET]
    expected = logits[:, None, None].expand(-1, 48, 40)
    assert difference(raw(Occlusion(model), patch=64, stride=32), expected) <= BOUND


def test_a_stride_that_leaves_gaps_is_refused() -> None:
    with refused(culprit="20", accepted="at most 16", hint="at most 16"):
        raw(Occlusion(Linear().double()), patch=16, stride=20)


# RISE


class Chance(nn.Module):
    """The probability of class 1 is a weighted sum of the pixels: softmax undoes the logarithm."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        weights = torch.rand(1, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        self.weights = nn.Parameter(weights / weights.sum())

    def forward(self, inputs: Tensor) -> Tensor:
        chance = (self.weights * inputs).sum((1, 2, 3))
        return torch.stack([1 - chance, chance], 1).log()


def covariance(size: tuple[int, int], cells: int, p: float) -> Tensor:
    """Of the masks' pixels, (H · W, H · W): over all places of a cell's corner, each cell on its own."""
    height, width = (-(-side // cells) for side in size)
    alone = torch.eye((cells + 1) ** 2, dtype=torch.float64).unflatten(1, (cells + 1, cells + 1))
    total = torch.zeros(size[0] * size[1], size[0] * size[1], dtype=torch.float64)
    large = render.resize(alone, ((cells + 1) * height, (cells + 1) * width))
    for top in range(height):
        for left in range(width):
            shares = large[:, top : top + size[0], left : left + size[1]].flatten(1)
            total += p * (1 - p) * shares.T @ shares
    return total / (height * width)


@pytest.mark.minutes
@pytest.mark.parametrize(("size", "cells", "p"), [((12, 9), 3, 0.5), ((10, 12), 4, 0.3)])
def test_the_expectation_of_rise_on_a_linear_chance(size: tuple[int, int], cells: int, p: float) -> None:
    model = Chance(size)
    picture = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    evidence = (model.weights.detach() * picture).flatten()
    expected = (covariance(size, cells, p) @ evidence / p).reshape(size)
    runs = torch.cat([raw(Rise(model), picture, n=600, cells=cells, p=p, seed=seed) for seed in range(30)])
    error = runs.std(0) / 30**0.5
    assert ((runs.mean(0) - expected) / error).abs().max() <= 5
    assert ((runs.mean(0) - expected) / error).square().mean() <= 3  # and most of them are nearer
    assert (expected / error).abs().max() > 10  # the noise does not hide what is expected


def test_masks_show_a_share_p_everywhere_and_move_by_less_than_a_cell() -> None:
    generator = torch.Generator().manual_seed(0)
    grids = (torch.rand(4000, 8, 8, generator=generator) < 0.3).double()
    masks = _masks(grids, torch.rand(4000, 2, generator=generator), (50, 33))
    assert masks.shape == (4000, 50, 33)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert (masks.mean(0) - 0.3).abs().max() <= 5 * 0.46 / 4000**0.5
    still = _masks(grids[:1], torch.zeros(1, 2), (50, 33))
    large = render.resize(grids[:1], (64, 40))
    assert torch.equal(still, large[:, :50, :33])
    assert torch.equal(_masks(grids[:1], torch.full((1, 2), 0.999), (50, 33)), large[:, 7:57, 4:37])


def test_rise_is_the_covariance_over_its_masks() -> None:
    model, pictures = bundled().double(), PICTURES[..., :24, :20]
    generator = torch.Generator().manual_seed(7)
    grids = (torch.rand(100, 5, 5, generator=generator) < 0.4).double()
    masks = _masks(grids, torch.rand(100, 2, generator=generator), (24, 20))
    with torch.no_grad():
        sure = torch.stack([(model(pictures * mask)).softmax(1)[:, TARGET] for mask in masks])
    expected = [torch.stack([torch.cov(torch.stack([f, m]))[0, 1] for m in masks.flatten(1).T]) for f in sure.T]
    ours = raw(Rise(model), pictures, n=100, cells=4, p=0.4, seed=7)
    assert difference(ours, torch.stack(expected).reshape(2, 24, 20) / 0.4) <= BOUND
    # The paper's map, but for a constant and for noise that is the same for all classes: how often a pixel showed.
    paper = torch.einsum("mn,mhw->nhw", sure, masks) / 100 / 0.4
    noise = sure.mean(0)[:, None, None] * masks.mean(0) / 0.4
    assert difference(ours * 99 / 100, paper - noise) <= BOUND


def test_masks_are_the_same_whatever_type_the_process_makes_its_tensors_in() -> None:
    inputs = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = raw(Rise(bundled()), inputs, n=100, cells=4)
    model = bundled()
    torch.set_default_dtype(torch.float64)
    try:
        found = raw(Rise(model), inputs, n=100, cells=4)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, expected)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    model = Chance((12, 9))
    picture = torch.rand(1, 1, 12, 9, dtype=torch.float64)
    first, second, other = (raw(Rise(model), picture, n=100, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    raw(Rise(model), picture, n=100)
    assert torch.equal(torch.get_rng_state(), before)


# Both

BOTH: list[tuple[type[Visualisation], dict[str, Any]]] = [
    (Occlusion, {"patch": 16, "stride": 8}),
    (Rise, {"n": 100, "cells": 4}),
]


@pytest.mark.parametrize(("kind", "params"), BOTH)
def test_frames_tell_how_far_they_are_and_the_last_is_the_result(
    kind: type[Visualisation], params: dict[str, Any]
) -> None:
    model = bundled().double()
    found = list(kind(model).attribute(PICTURES, "", target_class=TARGET, **params))
    progress = [frame.info["progress"] for frame in found]
    assert len(found) > 4
    assert progress == sorted(set(progress))
    assert progress[-1] == 1
    assert found[-1].info["target_class"] == [TARGET, TARGET]
    assert torch.equal(found[-1].raw, raw(kind(model), **params))
    assert all(frame.raw.isfinite().all() for frame in found)
    assert not torch.equal(found[0].raw, found[-1].raw)
    assert not found[0].raw[1].any()  # the second picture has not begun


@pytest.mark.parametrize(("kind", "params"), BOTH)
@pytest.mark.parametrize("build", [bundled, vit], ids=lambda build: build.__name__)
def test_an_item_of_a_batch_is_the_item_alone_and_the_model_is_untouched(
    kind: type[Visualisation], params: dict[str, Any], build: type[nn.Module]
) -> None:
    model = build().double()
    before = state(model)
    side = 64 if build is vit else 32
    pictures = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    batch = raw(kind(model), pictures, None, **params)
    for number in range(2):
        alone = raw(kind(model), pictures[number : number + 1], None, **params)
        assert difference(batch[number], alone[0]) <= 1e-9
    assert state(model) == before


@pytest.mark.parametrize(("kind", "params"), BOTH)
@pytest.mark.parametrize("size", [(48, 80), (80, 48)])
def test_the_map_lies_where_the_evidence_was_planted(
    kind: type[Visualisation], params: dict[str, Any], size: tuple[int, int]
) -> None:
    height, width = size
    planted = torch.zeros(1, 3, height, width, dtype=torch.float64)
    planted[..., 8:16, 24:32] = 1
    last = nn.Linear(3, 2)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), last).double()
    with torch.no_grad():
        last.weight.copy_(torch.tensor([[-20.0] * 3, [20.0] * 3]))
    images, _ = kind(model)(planted, "", show="map", target_class=TARGET, **params)
    peaks = (images[0, 0] == images.max()).nonzero().double().mean(0)
    assert (peaks - torch.tensor([11.5, 27.5])).abs().max() <= 16
