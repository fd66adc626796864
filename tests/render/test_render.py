"""Colours come last, and say what the numbers say."""

import io
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from mirror_app import render
from mirror_app.render.colormaps import DIVERGING, SEQUENTIAL, colourise

THEIRS = {"grey": "gray", "blue-red": "RdBu_r", "purple-orange": "PuOr_r"}


@pytest.mark.parametrize("name", [*SEQUENTIAL[:3], *DIVERGING])
def test_colour_maps_are_matplotlibs(name: str) -> None:
    values = torch.linspace(0, 1, 256)
    ours = colourise(values[None, None], name)[0, :, 0].T.numpy()
    theirs = matplotlib.colormaps[THEIRS.get(name, name)](values.numpy())[:, :3]
    assert np.abs(ours - theirs).max() < 0.03  # eleven or seventeen anchors for 256 colours


def test_jet_is_three_trapezoids() -> None:
    values = torch.linspace(0, 1, 256)
    ours = colourise(values[None, None], "jet")[0, :, 0]
    theirs = torch.stack([(1.5 - (4 * values - peak).abs()).clamp(0, 1) for peak in (3, 2, 1)])
    assert (ours - theirs).abs().max() < 0.005


@pytest.mark.parametrize("name", ["viridis", "inferno", "grey"])
def test_default_colours_grow_lighter_all_the_way(name: str) -> None:
    colours = colourise(torch.linspace(0, 1, 256)[None, None], name)[0, :, 0]
    luminance = torch.tensor([0.2126, 0.7152, 0.0722]) @ colours
    assert (luminance.diff() > 0).all()


@pytest.mark.parametrize("name", DIVERGING)
def test_the_two_sides_of_the_signed_scale_are_equally_far_from_white(name: str) -> None:
    ends = colourise(torch.tensor([[[0.0, 0.5, 1.0]]]), name)[0, :, 0].T
    assert ends[1].min() > 0.95
    assert ends[0, 2] > ends[0, 0]
    assert ends[2, 0] > ends[2, 2]


def test_each_map_has_its_own_range_or_all_share_one() -> None:
    maps = torch.tensor([0.0, 1.0, 10.0, 12.0, 5.0, 5.0]).reshape(1, 3, 1, 2)
    own = render.tiles(maps, maps, scale="each map", colours="grey")[:, 0, 0]
    shared = render.tiles(maps, maps, scale="all maps", colours="grey")[:, 0, 0]
    assert torch.equal(own, torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]))
    assert torch.allclose(shared, maps[0, :, 0] / 12)


def test_the_strongest_maps_come_first_where_that_is_asked() -> None:
    raw = torch.tensor([1.0, 5.0, 3.0]).reshape(1, 3, 1, 1) * torch.tensor([[1.0, 0.0]])
    assert render.indices_by_peak(raw).tolist() == [1, 2, 0]
    plain, ordered = (
        render.tiles(raw, raw, scale="all maps", colours="grey", order=order)[:, 0, 0, 0] for order in render.ORDERS
    )
    assert torch.equal(ordered, plain[[1, 2, 0]])


def test_heat_is_positive_evidence_in_shares_of_its_peak() -> None:
    raw = torch.tensor([[[-2.0, 0.0], [1.0, 4.0]]])
    picture = torch.zeros(1, 3, 2, 2)
    assert torch.equal(render.heat(raw, picture, show="map")[0, 0], torch.tensor([[0, 0], [0.25, 1]]))
    signed = render.heat(raw, picture, show="map", signed=True)[0, 0]
    assert torch.allclose(signed, torch.tensor([[0.25, 0.5], [0.625, 1]]))


@pytest.mark.parametrize("show", ["heat map", "map"])
@pytest.mark.parametrize("colours", [*SEQUENTIAL, *DIVERGING])
def test_the_legend_tells_the_colours_of_its_numbers(show: str, colours: str) -> None:
    signed = colours in DIVERGING
    chosen = {"colours": SEQUENTIAL[0], "signed_colours": DIVERGING[0]} | {
        "signed_colours" if signed else "colours": colours
    }
    params: dict[str, Any] = {"show": show, "strength": 1.0, "signed": signed, **chosen}
    raw = torch.tensor([[[-0.4, 0.2], [0.0, 0.3]]])
    picture = torch.zeros(1, 3, 2, 2)
    vmax = render.vmax(render.heat, raw, picture, **params)
    legend = render.legend(render.heat, (1, 4, 4), vmax, **params)
    assert legend is not None
    assert (legend.low, legend.high) == pytest.approx((-0.4, 0.4) if signed else (0, 0.3))
    image = render.heat(raw, picture, **params)[0]
    places = {-0.4: (0, 0), 0.0: (1, 0), 0.3: (1, 1)}
    for number, colour in ((legend.low, legend.colours[0]), (legend.high, legend.colours[-1])):
        for value, (row, column) in places.items():
            if value == pytest.approx(number):
                assert f"#{bytes(render.pixels(image)[row, column]).hex()}" == colour


def test_there_is_no_legend_where_a_number_has_no_colour_of_its_own() -> None:
    params: dict[str, Any] = {"show": "map", "signed": False, "colours": "inferno"}
    assert render.legend(render.heat, (1, 3, 4, 4), 1.0, **params) is None
    assert render.legend(render.heat, (1, 5, 4, 4), 1.0, **params) is not None
    assert render.legend(render.heat, (1, 4, 4), 0.0, **params) is None
    assert render.legend(render.gradient, (1, 3, 4, 4), 1.0, show="grey", contrast=0.5) is None


def test_the_heat_of_colour_channels_is_their_signed_sum() -> None:
    raw = torch.tensor([[[[3.0, -1.0, 1.0]], [[-3.0, -1.0, 1.0]], [[0.0, 1.0, 2.0]]]])
    shown = render.heat(raw, torch.zeros(1, 3, 1, 3), show="heat map", colours="grey")
    assert torch.equal(shown[0, 0], torch.tensor([[0.0, 0.0, 1.0]]))


def test_an_overlay_is_a_mixture_of_picture_and_colours() -> None:
    raw, picture = torch.rand(1, 8, 12), torch.rand(1, 3, 8, 12)
    assert torch.allclose(render.heat(raw, picture, strength=0.0), picture)
    assert torch.allclose(render.heat(raw, picture, strength=1.0), render.heat(raw, picture, show="heat map"))


@pytest.mark.parametrize("value", [0.0, 3.0, -3.0])
def test_constant_maps_are_finite(value: float) -> None:
    raw, picture = torch.full((1, 4, 6), value), torch.rand(1, 3, 8, 12)
    for show in ("over the picture", "heat map", "map"):
        for signed in (False, True):
            assert render.heat(raw, picture, show=show, signed=signed).isfinite().all()
    assert (render.tiles(raw[None], picture, colours="grey") == 0).all()


def test_colour_attributions_show_grey_where_they_are_zero() -> None:
    raw = torch.zeros(1, 3, 2, 2)
    raw[0, 0, 0, 0], raw[0, 2, 1, 1] = 2, -2
    image = render.heat(raw, torch.zeros(1, 3, 2, 2), show="map")[0]
    assert torch.allclose(image[:, 0, 0], torch.tensor([1.0, 0.5, 0.5]))
    assert torch.allclose(image[:, 1, 1], torch.tensor([0.5, 0.5, 0.0]))


def test_a_map_is_enlarged_between_pixel_centres_with_rows_as_rows() -> None:
    ramp = torch.arange(4.0).reshape(1, 1, 4).expand(1, 2, 4)
    large = render.resize(ramp, (6, 16))
    assert large.shape == (1, 6, 16)
    centres = ((torch.arange(16) + 0.5) / 4 - 0.5).clamp(0, 3)
    assert torch.allclose(large[0], centres.expand(6, 16))


def test_a_sheet_has_its_tiles_in_reading_order() -> None:
    tiles = torch.arange(5.0)[:, None, None, None].expand(5, 3, 2, 4)
    sheet = render.grid(tiles, 3)
    assert sheet.shape == (3, 4, 12)
    assert torch.equal(sheet[0, ::2, ::4], torch.tensor([[0.0, 1, 2], [3, 4, 0]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("count", "columns"), [(1, 1), (1, 4), (2, 3), (3, 3), (7, 3), (64, 8)])
def test_a_sheet_has_its_columns_its_channels_and_every_pixel(
    count: int, columns: int, channels: int, dtype: torch.dtype
) -> None:
    tiles = (torch.rand(count, channels, 3, 5) * 255).to(dtype)
    sheet = render.grid(tiles, columns)
    rows = -(-count // columns)
    assert (sheet.dtype, sheet.shape) == (dtype, (channels, rows * 3, columns * 5))
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        tile = sheet[:, row * 3 : row * 3 + 3, column * 5 : column * 5 + 5]
        assert torch.equal(tile, tiles[number] if number < count else torch.zeros_like(tile))


def test_large_tiles_are_averaged_and_small_ones_left() -> None:
    images = torch.rand(2, 3, 40, 80)
    assert torch.allclose(render.shrink(images, 40), F.avg_pool2d(images, 2))
    assert render.shrink(images, 80) is images


def test_a_png_has_the_very_pixels() -> None:
    image = torch.rand(3, 5, 7)
    pixels = render.pixels(image)
    with Image.open(io.BytesIO(render.png(pixels))) as file:
        assert np.array_equal(np.asarray(file), pixels)
    assert np.abs(pixels / 255 - image.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6


def test_a_gradient_has_mid_grey_for_zero_and_one_scale_for_its_channels() -> None:
    raw = torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.5, 0.0]]).reshape(1, 3, 1, 2)
    picture = torch.zeros(1, 3, 1, 2)
    shown = {
        name: render.gradient(raw, picture, show=name, contrast=0.0)[0, :, 0, 0].tolist()
        for name in ("colour", "grey", "positive", "negative")
    }
    assert shown["colour"] == [0.75, 0.0, 0.625]
    assert shown["grey"] == [1.0, 1.0, 1.0]
    assert shown["positive"] == [1.0, 0.0, 0.5]
    assert shown["negative"] == [0.0, 1.0, 0.0]
    assert (render.gradient(raw, picture, show="colour")[..., 1] == 0.5).all()


def test_of_a_gradient_the_strongest_pixels_may_saturate_and_a_flat_one_stays_grey() -> None:
    raw = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    raw[0, 0, 0, 0] = 100
    picture = torch.zeros(1, 3, 20, 20)
    assert render.gradient(raw, picture, show="grey", contrast=0.0).mean() < 0.05
    assert render.gradient(raw, picture, show="grey", contrast=1.0).mean() > 0.5
    assert (render.gradient(torch.zeros(1, 3, 4, 4), picture[..., :4, :4], show="colour") == 0.5).all()


def test_filters_keep_their_sign_and_share_a_scale_when_asked() -> None:
    raw = torch.tensor([[1.0, -1.0], [0.1, 0.0]]).reshape(2, 1, 1, 2)
    own, shared = (render.weights(raw, raw, scale=scale) for scale in ("each filter", "all filters"))
    grey = colourise(torch.tensor([[[0.5]]]), "blue-red")[0, :, 0, 0]
    assert torch.equal(own[1, :, 0, 1], grey)
    assert torch.equal(own[0, :, 0, 0], own[1, :, 0, 0])
    assert not torch.equal(shared[0, :, 0, 0], shared[1, :, 0, 0])
    colour = render.weights(torch.tensor([2.0, -2.0, 0.0]).reshape(1, 3, 1, 1), raw)
    assert colour.flatten().tolist() == [1.0, 0.0, 0.5]


def test_the_channels_of_an_attribution_share_one_scale() -> None:
    raw = torch.zeros(2, 3, 4, 4)
    raw[0, 0, 0, 0], raw[0, 1, 1, 1], raw[0, 2, 2, 2] = 2, 1, -2
    shown = render.signed_picture(raw)
    assert [float(shown[0, channel, channel, channel]) for channel in range(3)] == [1, 0.75, 0]
    assert (shown[1] == 0.5).all()


def test_a_fine_map_is_as_bright_as_its_strongest_pixels_and_not_as_its_very_largest() -> None:
    raw = torch.full((1, 100, 100), 0.01)
    raw[0, :2, :50], raw[0, 50, 50] = 1, 30
    shown = render.heat(raw, torch.zeros(1, 3, 100, 100), show="map")[0, 0]
    assert (shown[:2, :50] == 1).all()  # 1 % of the pixels, of which .5 % are enough
    assert shown[50, 50] == 1
    assert shown[90, 90] == pytest.approx(0.01)
    assert render.vmax(render.heat, raw, torch.zeros(1, 3, 100, 100), show="map", signed=False) == 1
    lone = torch.zeros(1, 100, 100)
    lone[0, 3, 4] = 7
    assert render.heat(lone, torch.zeros(1, 3, 100, 100), show="map")[0, 0, 3, 4] == 1


def test_the_picture_is_hardly_dimmed_where_there_is_no_evidence() -> None:
    raw, picture = torch.zeros(1, 4, 4), torch.ones(1, 3, 4, 4)
    raw[0, 0, 0] = 1
    shown = render.heat(raw, picture)
    assert (shown[0, :, 3, 3] > 0.75).all()
    heat = render.heat(raw, picture, show="heat map")
    assert torch.allclose(shown[0, :, 0, 0], torch.lerp(picture, heat, 0.6)[0, :, 0, 0])
