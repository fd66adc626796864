"""What a model sees of a picture that is cut for it, and how the original shows that."""

import numpy as np
import pytest
import torch

from mirror_app import render
from mirror_app.images import Preprocessing, from_array, from_tensor

HALF = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.mark.parametrize("size", [(300, 300), (200, 500), (640, 130), (100, 4000), (256, 256)])
@pytest.mark.parametrize(("cut", "resize"), [(224, 256), (256, 256), (128, 128), ((224, 160), 232), (300, 256)])
def test_the_region_holds_the_colours_that_the_model_sees(
    size: tuple[int, int], cut: int | tuple[int, int], resize: int
) -> None:
    rows, columns = (np.linspace(20, 255, side) for side in size)
    colours = np.broadcast_arrays(rows[:, None], columns[None], 20)  # red tells the row, and green the column
    picture = from_array(np.stack(colours, 2).astype(np.uint8), "ramp")
    preprocessing = Preprocessing(cut, resize, *HALF)
    model_input_rgb = preprocessing.model_input_rgb(picture)
    model_input_rgb = model_input_rgb[model_input_rgb[..., 2] > 10]  # what is padded is black
    left, top, right, bottom = preprocessing.region(picture) or (0, 0, size[1], size[0])
    for channel, (first, last, places) in enumerate([(top, bottom, rows), (left, right, columns)]):
        wanted = places[first], places[last - 1]
        step = places[1] - places[0]
        assert (model_input_rgb[:, channel].min(), model_input_rgb[:, channel].max()) == pytest.approx(
            wanted, abs=2 * step + 2
        )


def test_what_is_seen_whole_has_no_region() -> None:
    square = from_array(np.zeros((90, 90, 3), np.uint8), "square")
    wide = from_array(np.zeros((90, 120, 3), np.uint8), "wide")
    preprocessing = Preprocessing(128, 128, *HALF)
    assert preprocessing.region(square) is None
    assert preprocessing.region(wide) == (15, 0, 105, 90)
    assert Preprocessing(224, 256, *HALF).region(from_tensor(torch.rand(3, 50, 90), "exact", preprocessing)) is None


def test_what_lies_outside_is_pale_and_what_lies_inside_is_itself() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    shown = render.fade_outside(pixels, (5, 10, 25, 30))
    assert np.array_equal(shown[10:30, 5:25], pixels[10:30, 5:25])
    outside = np.ones((30, 40), bool)
    outside[10:30, 5:25] = False
    assert shown[outside].min() >= 100
    assert np.ptp(shown[outside].astype(int)) < 100
