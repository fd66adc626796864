"""The background of a scene: a colourful ground, and clutter that belongs to no class."""

import colorsys

import numpy as np
from numpy.random import Generator

Canvas = np.ndarray  # float (H, W, 3) in [0, 1]


def ground(rng: Generator, size: int) -> Canvas:
    """Return a ground (size, size, 3) that blends a few colours, with slight variation."""
    corners = np.stack([colour(rng, bright=False) for _ in range(4)]).reshape(2, 2, 3)
    gradient = _enlarged(corners, size)
    variation = _enlarged(rng.normal(0, rng.uniform(0.01, 0.09), (rng.integers(3, 9),) * 2 + (3,)), size)
    return np.clip(gradient + variation, 0, 1)


def clutter(rng: Generator, canvas: Canvas) -> None:
    """Draw distractors onto `canvas`: plain shapes, lines, and texture without a shape."""
    for _ in range(rng.integers(2, 7)):
        _ellipse(rng, canvas)
    for _ in range(rng.integers(0, 6)):
        _line(rng, canvas)
    if rng.random() < 0.5:
        _texture(rng, canvas)


def colour(rng: Generator, bright: bool = True) -> np.ndarray:
    """Return a random colour, RGB in [0, 1]; it is muted unless `bright`."""
    strength, light = ((0.3, 1), (0.15, 1)) if bright else ((0.1, 0.65), (0.35, 1))
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(*strength), rng.uniform(*light)))


def blend(canvas: Canvas, paint: np.ndarray, cover: np.ndarray) -> None:
    """Blend `paint` into `canvas` in place, with the opacity `cover` (H, W) in [0, 1]."""
    canvas += (paint - canvas) * cover[..., None]


def _pixels(size: int) -> tuple[np.ndarray, np.ndarray]:
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    across, down = np.meshgrid(centres, centres)
    return across, down


def _ellipse(rng: Generator, canvas: Canvas) -> None:
    across, down = _pixels(len(canvas))
    x, y = rng.uniform(0, 1, 2)
    width, height = rng.uniform(0.02, 0.16, 2)
    power = rng.choice([1.0, 2.0, 8.0])  # a lozenge, an ellipse, nearly a box
    distance = (np.abs((across - x) / width) ** power + np.abs((down - y) / height) ** power) ** (1 / power)
    cover = ((1 - distance) * min(width, height) * len(canvas) + 0.5).clip(0, 1)
    blend(canvas, colour(rng), cover * rng.uniform(0.4, 1))


def _line(rng: Generator, canvas: Canvas) -> None:
    across, down = _pixels(len(canvas))
    angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6)
    distance = np.abs((across - 0.5) * np.cos(angle) + (down - 0.5) * np.sin(angle) - offset)
    cover = ((rng.uniform(0.002, 0.02) - distance) * len(canvas) + 0.5).clip(0, 1)
    blend(canvas, colour(rng), cover * rng.uniform(0.3, 0.9))


def _texture(rng: Generator, canvas: Canvas) -> None:
    """Draw a soft-edged patch of ripples: texture without a shape."""
    across, down = _pixels(len(canvas))
    x, y = rng.uniform(0, 1, 2)
    angle, rate = rng.uniform(0, np.pi), rng.uniform(40, 110)
    ripple = np.sin(rate * (across * np.cos(angle) + down * np.sin(angle)))
    soft = np.exp(-((across - x) ** 2 + (down - y) ** 2) / rng.uniform(0.005, 0.04))
    blend(canvas, colour(rng), soft * (ripple > 0) * rng.uniform(0.2, 0.7))


def _enlarged(coarse: np.ndarray, size: int) -> np.ndarray:
    """Return `coarse` (h, w, 3) enlarged to (size, size, 3) by linear interpolation."""
    for axis in (0, 1):
        position = np.linspace(0, coarse.shape[axis] - 1, size)
        lower = np.minimum(position.astype(int), coarse.shape[axis] - 2)
        fraction = (position - lower).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        coarse = coarse.take(lower, axis) * (1 - fraction) + coarse.take(lower + 1, axis) * fraction
    return coarse
