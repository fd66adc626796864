"""Arrays and pictures become the model's inputs, to the bit."""

import time

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms._presets import ImageClassification

from mirror_app.images import Preprocessing, decode, from_array
from tests.images.files import PRESET, RGB, saved
from tests.refused import refused

# Arrays


def test_arrays_are_taken_as_they_are_and_kept_apart() -> None:
    source = RGB.copy()
    picture = from_array(source, "mine")
    source[:] = 0
    np.testing.assert_array_equal(picture.pixels, RGB)
    np.testing.assert_array_equal(from_array(RGB[..., 1], "grey").pixels, np.stack([RGB[..., 1]] * 3, 2))
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0] = 0


@pytest.mark.parametrize(
    "array",
    [
        RGB / 255,
        RGB.astype(np.int64),
        RGB[..., :2],
        RGB[0, 0],
        RGB[None],
        np.zeros((0, 4, 3), np.uint8),
        RGB > 9,
    ],
    ids="float int64 two-channels row batch empty bool".split(),
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with refused(culprit="mine", accepted="uint8 (H, W, 3) or (H, W)"):
        from_array(array, "mine")


# Preparation

SIDES = [(97, 311), (311, 97), (128, 128), (1, 1), (2, 2), (40, 799), (640, 480), (5, 100)]


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize(("resize", "size"), [(256, 224), (128, 128), (32, 64)])
def test_inputs_equal_the_presets_of_torchvision_to_the_bit(sides: tuple[int, int], resize: int, size: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*sides, 3)).astype(np.uint8)
    preset = ImageClassification(crop_size=size, resize_size=resize, **PRESET)
    ours = Preprocessing(size, resize, **PRESET).prepare(from_array(pixels, "x"))
    assert ours.shape == (1, 3, size, size)
    assert ours.dtype == torch.float32
    assert torch.equal(ours[0], preset(Image.fromarray(pixels)))


def test_overlays_lie_on_what_the_model_sees() -> None:
    preprocessing = Preprocessing((48, 80), 96, **PRESET)
    picture = from_array(np.random.default_rng(3).integers(0, 256, (97, 311, 3)).astype(np.uint8), "x")
    seen = preprocessing.model_input_rgb(picture)
    assert seen.shape == (48, 80, 3)
    assert seen.dtype == np.uint8
    undone = preprocessing.undo(preprocessing.prepare(picture))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(undone, seen / 255, atol=1e-6)


def test_undo_stays_in_range_and_serves_batches() -> None:
    inputs = torch.linspace(-9, 9, 2 * 3 * 4 * 5, dtype=torch.float64).reshape(2, 3, 4, 5)
    undone = Preprocessing(8, 8, **PRESET).undo(inputs)
    mean, std = (torch.tensor(PRESET[key], dtype=torch.float64).view(3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(undone, (inputs * std + mean).clamp(0, 1))
    assert (undone.min().item(), undone.max().item()) == (0, 1)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_than_three(channels: int) -> None:
    preprocessing = Preprocessing(24, 24, (0.5,) * channels, (0.25,) * channels)
    inputs = preprocessing.prepare(from_array(RGB[:, :24], "x"))
    assert inputs.shape == (1, channels, 24, 24)
    values = preprocessing.undo(inputs)[0]
    if channels == 1:
        luma = torch.tensor(RGB[:, :24] @ np.array([0.299, 0.587, 0.114]) / 255)
        torch.testing.assert_close(values[0].double(), luma, atol=0.5 / 255 + 1e-6, rtol=0)
    else:
        assert (values[3] == 1).all()
        np.testing.assert_allclose(values[:3].permute(1, 2, 0), RGB[:, :24] / 255, atol=1e-6)


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.5,) * 3), ((), ())])
def test_a_mean_and_a_deviation_for_each_channel_are_needed(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with refused(culprit=f"mean {mean} and std {std}", accepted="one value per channel"):
        Preprocessing(8, 8, mean, std)


def test_no_picture_becomes_an_input_of_bands() -> None:
    with refused(culprit="x", accepted="tensors of shape (bands, height, width)"):
        Preprocessing(8, 8, (0.5,) * 5, (0.5,) * 5).prepare(from_array(RGB, "x"))


@pytest.mark.parametrize("sides", [(1, 60000), (60000, 1), (3, 40001)])
def test_of_a_very_long_picture_the_middle_is_seen_at_once(sides: tuple[int, int]) -> None:
    pixels = np.zeros((*sides, 3), np.uint8)
    longer = int(sides[1] > sides[0])
    index = [slice(None), slice(None)]
    index[longer] = slice(max(sides) // 2, None)
    pixels[tuple(index)] = 255
    start = time.thread_time()
    picture = decode(saved(pixels, "PNG"), "x")
    seen = Preprocessing(128, 128, **PRESET).model_input_rgb(picture)
    assert time.thread_time() - start < 1
    assert seen.shape == (128, 128, 3)
    quarters = seen.mean((1 - longer, 2)).reshape(4, 32).mean(1)
    assert quarters[0] < quarters[3]
    assert seen.mean() == pytest.approx(127.5, abs=64)


@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_picture_stays_constant(value: int) -> None:
    preprocessing = Preprocessing(32, 48, **PRESET)
    inputs = preprocessing.prepare(from_array(np.full((97, 311), value, np.uint8), "x"))
    assert inputs.isfinite().all()
    assert (inputs == inputs[..., :1, :1]).all()
    assert (preprocessing.undo(inputs) - value / 255).abs().max() < 1e-6
