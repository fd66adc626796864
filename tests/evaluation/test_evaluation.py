"""What the measures of trust measure: closed forms, and SciPy's rank correlation."""

import pytest
import scipy.stats
import torch
from torch import Tensor, nn

from mirror_app.evaluation import (
    area,
    deletion,
    drops_early,
    insertion,
    mass_inside,
    peak_inside,
    rank_correlation,
    recovers_early,
    with_last_layer_shuffled,
)
from tests.networks import resnet18, state
from tests.refused import refused

MASK = torch.zeros(1, 4, 6).index_fill(2, torch.tensor([4, 5]), 1)


class Bright(nn.Module):
    """The logit of class 1 is the sum of the left half of the picture, that of class 0 is zero."""

    def forward(self, inputs: Tensor) -> Tensor:
        bright = inputs[:, :, :, : inputs.shape[3] // 2].sum((1, 2, 3))
        return torch.stack([torch.zeros_like(bright), bright], 1)


def test_peak_and_mass_are_counted_inside_the_mask() -> None:
    maps = torch.full((1, 4, 6), -1.0)
    maps[0, 1, 5], maps[0, 2, 1] = 3, 1
    assert peak_inside(maps, MASK).tolist() == [1]
    assert mass_inside(maps, MASK).tolist() == [0.75]
    assert peak_inside(-maps, MASK).tolist() == [0]
    assert mass_inside(torch.zeros(1, 4, 6), MASK).tolist() == [0]


def test_a_curve_falls_when_what_matters_goes_first_and_not_before_when_it_goes_last() -> None:
    inputs = torch.ones(1, 1, 4, 8) / 4
    left = torch.zeros(4, 8).index_fill(1, torch.arange(4), 1)
    whole = torch.tensor([0.0, 4.0]).softmax(0)[1]
    first, last = (deletion(Bright(), inputs, evidence, 1, 8) for evidence in (left, -left))
    assert torch.allclose(first, torch.tensor([4, 3, 2, 1, 0, 0, 0, 0, 0]).float().sigmoid())
    assert torch.allclose(last, torch.tensor([4, 4, 4, 4, 4, 3, 2, 1, 0]).float().sigmoid())
    assert float(first[0]) == pytest.approx(float(whole))


class Checks(nn.Module):
    """The white squares less the black ones of a chessboard's left half are the logit of class 1."""

    def forward(self, inputs: Tensor) -> Tensor:
        white = (inputs * board(*inputs.shape[2:]))[:, :, :, : inputs.shape[3] // 2].sum((1, 2, 3)) / 64
        return torch.stack([torch.zeros_like(white), white], 1)


def board(height: int, width: int) -> Tensor:
    return 1 - 2.0 * ((torch.arange(height)[:, None] + torch.arange(width)) % 2)


def test_a_curve_rises_when_what_matters_comes_first_and_not_before_when_it_comes_last() -> None:
    inputs = board(32, 32)[None, None]  # of which the blur leaves grey
    left = torch.zeros(32, 32).index_fill(1, torch.arange(16), 1)
    first, last = (insertion(Checks(), inputs, evidence, 1, 8) for evidence in (left, -left))
    assert torch.allclose(first, torch.tensor([0, 2, 4, 6, 8, 8, 8, 8, 8]).float().sigmoid(), atol=1e-3)
    assert torch.allclose(last, torch.tensor([0, 0, 0, 0, 0, 2, 4, 6, 8]).float().sigmoid(), atol=1e-3)


class Share(nn.Module):
    """The logit of class 1 is 0 where a share `least` of the picture is as it was: 2 more for each percent."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least

    def forward(self, inputs: Tensor) -> Tensor:
        kept = (inputs * board(*inputs.shape[2:])).mean((1, 2, 3))
        return torch.stack([torch.zeros_like(kept), 200 * (kept - self.least)], 1)


@pytest.mark.parametrize(("share", "at_once"), [(0.05, True), (0.2, False)])
def test_a_class_that_any_tenth_of_the_pixels_ends_or_brings_back_is_told(share: float, at_once: bool) -> None:
    inputs = board(32, 32)[None, None]
    evidence = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
    deleted = deletion(Share(1 - share), inputs, evidence, 1, 24)
    assert torch.allclose(deleted, (200 * (share - torch.linspace(0, 1, 25))).sigmoid(), atol=0.03)  # whole pixels
    assert drops_early(deleted) is at_once
    inserted = insertion(Share(share), inputs, evidence, 1, 24)
    assert recovers_early(inserted) is at_once


def test_a_class_that_the_blurred_picture_still_shows_was_never_gone() -> None:
    assert recovers_early(torch.full((25,), 0.8))
    assert not drops_early(torch.full((25,), 0.8))


def test_the_area_is_that_below_the_curve() -> None:
    assert area(torch.linspace(0, 1, 5)) == pytest.approx(0.5)
    assert area(torch.tensor([1.0, 0, 0, 0, 0])) == pytest.approx(1 / 8)
    assert area(torch.full((3,), 0.7)) == pytest.approx(0.7)


def test_rank_correlation_is_scipys_with_ties_too() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randint(0, 9, (20, 30), generator=generator).float()
    other = one + torch.randint(0, 9, (20, 30), generator=generator)
    expected = scipy.stats.spearmanr(one.flatten(), other.flatten()).statistic
    assert rank_correlation(one, other) == pytest.approx(expected, abs=1e-12)
    assert rank_correlation(one, one.exp()) == pytest.approx(1)
    assert rank_correlation(one, torch.ones(20, 30)) == 0


def test_only_the_last_layer_of_a_copy_is_shuffled() -> None:
    model = resnet18()
    before = state(model)
    shuffled = with_last_layer_shuffled(model)
    assert state(model) == before
    changed = [
        name for name, weight in shuffled.state_dict().items() if not torch.equal(weight, model.state_dict()[name])
    ]
    assert changed == ["fc.weight", "fc.bias"]
    both = [net.state_dict()["fc.weight"].flatten().sort().values for net in (shuffled, model)]
    assert torch.equal(*both)
    with refused(accepted="a linear layer or a convolution"):
        with_last_layer_shuffled(nn.ReLU())
