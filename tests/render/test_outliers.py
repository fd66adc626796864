"""Outlier tokens are larger than other cells; they are marked and left out of the colour scale."""

import pytest
import torch
from torch import Tensor

from mirror_app import render


def spiked(value: float, count: int = 1, side: int = 14) -> Tensor:
    map_ = torch.linspace(0.5, 1, side * side).view(1, side, side)
    map_.view(1, -1)[0, :count] = value
    return map_


@pytest.mark.parametrize(("value", "count", "marked"), [(4.1, 1, 1), (3.9, 1, 0), (9.0, 4, 4), (9.0, 5, 0)])
def test_an_outlier_is_four_times_as_large_as_all_but_two_percent(value: float, count: int, marked: int) -> None:
    assert int(render.outliers(spiked(value, count)).sum()) == marked


def test_maps_of_zeros_and_of_a_single_spot_have_no_outliers() -> None:
    spot = torch.zeros(2, 3, 8, 8)
    spot[1, 2, 3, 3] = 1
    assert not render.outliers(spot).any()
    assert not render.outliers(torch.ones(1, 1, 1)).any()


@pytest.mark.parametrize("base", [render.heat, render.tiles])
def test_without_outliers_a_map_looks_as_before(base: render.Look) -> None:
    raw, picture = spiked(1.0), torch.rand(1, 3, 28, 28)
    raw = raw[:, None] if base is render.tiles else raw
    assert torch.equal(render.marking_outliers(base)(raw, picture, mark_outliers=True), base(raw, picture))
    assert torch.equal(render.marking_outliers(base)(raw * raw, picture), base(raw * raw, picture))


def test_an_outlier_is_pink_and_all_other_cells_look_as_if_it_were_not_there() -> None:
    raw, picture = spiked(50.0)[:, None], torch.zeros(1, 3, 14, 14)
    images = render.marking_outliers(render.tiles)(raw, picture, mark_outliers=True)
    without = render.tiles(spiked(1.0)[:, None], picture)
    assert images[0, :, 0, 0].tolist() == pytest.approx([1.0, 0.18, 0.58])
    assert torch.equal(images.flatten(2)[..., 1:], without.flatten(2)[..., 1:])


def test_the_marks_follow_the_order_of_the_maps() -> None:
    raw = torch.cat([spiked(0.9), spiked(50.0)])[None]
    images = render.marking_outliers(render.tiles)(
        raw, torch.zeros(1, 3, 14, 14), order="strongest first", mark_outliers=True
    )
    pink = torch.tensor([1.0, 0.18, 0.58])
    assert torch.allclose(images[0, :, 0, 0], pink)
    assert not torch.allclose(images[1, :, 0, 0], pink)


def test_the_shared_scale_ends_below_the_outliers() -> None:
    look = render.marking_outliers(render.heat)
    values = {"show": "heat map", "signed": False}
    assert look.vmax
    assert render.heat.vmax
    assert look.vmax(spiked(50.0), torch.zeros(1, 3, 14, 14), **values, mark_outliers=True) == pytest.approx(1)
    assert look.vmax(spiked(50.0), torch.zeros(1, 3, 14, 14), **values) == pytest.approx(50)
    assert render.heat.vmax(spiked(50.0), torch.zeros(1, 3, 14, 14), **values) == pytest.approx(50)
    assert list(look.params) == [*render.heat.params, "mark_outliers"]
