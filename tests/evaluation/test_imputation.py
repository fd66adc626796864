"""Pixels that are painted over: closed forms, and the solver of the library pytorch-grad-cam."""

import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer  # type: ignore[import-untyped]
from torch import Tensor, nn

from mirror_app.evaluation import ROAD_SHARES, impute, road

RAMP = torch.arange(20.0)[:, None] + 2 * torch.arange(24.0)


# The reference hands tensors to NumPy in a way that NumPy warns of.
by_reference = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")


def some(share: float, size: tuple[int, int]) -> Tensor:
    return torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0)) < share


def test_what_is_removed_from_a_ramp_is_told_by_its_neighbours() -> None:
    pictures = torch.stack([RAMP, -RAMP, RAMP + 3])[None].double()
    removed = torch.zeros(1, 1, 20, 24, dtype=torch.bool)
    removed[..., 4:15, 5:20] = True
    assert torch.allclose(impute(pictures, removed, 1e-9), pictures, atol=1e-4)


def test_a_corner_is_the_mean_of_the_neighbours_that_there_are() -> None:
    picture = torch.tensor([[0.0, 6, 1], [12, 24, 1], [1, 1, 1]])[None, None]
    removed = torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    removed[0, 0, 0, 0] = True
    # Two neighbours beside it, of weight 1/6, and one across the corner, of weight 1/12.
    assert impute(picture, removed, 1e-6)[0, 0, 0, 0] == pytest.approx((6 / 6 + 12 / 6 + 24 / 12) / (5 / 12), rel=1e-5)


@by_reference
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_it_is_what_the_reference_solves(share: float, size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    removed = some(share, size)
    expected = NoisyLinearImputer(noise=0)(picture[0], (~removed[0, 0]).float())
    assert torch.allclose(impute(picture.double(), removed, 1e-8)[0].float(), expected, atol=1e-5)
    assert torch.allclose(impute(picture, removed)[0], expected, atol=0.01)  # less than the noise that is added


@by_reference
def test_a_hole_as_large_as_nearly_all_of_the_picture_is_filled_as_the_reference_does() -> None:
    size = (96, 96)
    picture = torch.linspace(0, 1, 96).expand(1, 3, *size).clone()
    removed = torch.ones(1, 1, *size, dtype=torch.bool)
    removed[..., 40:48, :10] = False
    removed[..., 5:9, 80:] = False
    expected = NoisyLinearImputer(noise=0)(picture[0], (~removed[0, 0]).float())
    assert torch.allclose(impute(picture, removed)[0], expected, atol=0.02)


def test_what_is_not_removed_stays_as_it_is_and_the_pictures_do_not_mix() -> None:
    pictures = torch.rand(3, 2, 17, 12, generator=torch.Generator().manual_seed(2))
    removed = torch.cat([some(0.5, (17, 12)), torch.zeros(1, 1, 17, 12, dtype=torch.bool), some(0.2, (17, 12))])
    together = impute(pictures, removed)
    kept = ~removed.expand_as(pictures)
    assert torch.equal(together[kept], pictures[kept])
    alone = torch.cat([impute(one[None], part[None]) for one, part in zip(pictures, removed, strict=True)])
    assert torch.allclose(together, alone, atol=2e-3)


class Stripes(nn.Module):
    """The logit of class 1 is the contrast of the stripes in the left half, that of class 0 is zero."""

    def forward(self, inputs: Tensor) -> Tensor:
        half = inputs[:, :, :, : inputs.shape[3] // 2]
        contrast = (half[:, :, ::2] - half[:, :, 1::2]).mean((1, 2, 3))
        return torch.stack([torch.zeros_like(contrast), 4 * contrast], 1)


def test_painting_over_what_matters_takes_the_class_and_painting_over_the_rest_does_not() -> None:
    inputs = torch.ones(1, 1, 32, 32)
    inputs[:, :, 1::2] = 0
    order = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
    left = torch.zeros(32, 32).index_fill(1, torch.arange(16), 1) + order / 2
    most, least = road(Stripes(), inputs, left, 1)
    whole = float(torch.tensor(4.0).sigmoid())
    assert len(most) == len(least) == len(ROAD_SHARES)
    assert most[0] == least[0] == pytest.approx(whole)
    assert least[ROAD_SHARES.index(0.5)] == pytest.approx(whole, abs=0.01)
    assert most[ROAD_SHARES.index(0.5)] == pytest.approx(0.5, abs=0.02)
    assert (most[:-1] >= most[1:] - 0.01).all()
    assert torch.equal(road(Stripes(), inputs, left, 1)[0], most)
