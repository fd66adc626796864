"""Scenes whose truth is known: shapes filled with textures on cluttered grounds, with the exact mask of each.

A shape is a signed distance (negative inside) over coordinates in which it is about one unit large; x points right,
y down. A texture is the share of its lighter colour, in [0, 1], over the same coordinates. Both are antialiased.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng

from mirror_app.bundled.background import blend, clutter, colour, ground

Plane = np.ndarray
SIZE = 128

# Seeds of scenes: what was trained on is never used to judge.
TRAINING = range(10**6, 2 * 10**6)
HELD_OUT = range(10**6)


@dataclass(frozen=True, eq=False)
class Thing:
    """One object of a scene: its class, its box (x0, y0, x1, y1), and where it is, both bool (H, W).

    `mask` is what can be seen of it. `outline` is all of it: holes filled, and with what is covered. The box is that of
    the outline, its far sides exclusive.
    """

    label: int
    box: tuple[int, int, int, int]
    mask: np.ndarray
    outline: np.ndarray


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, bytes (H, W, 3), and the things in it."""

    picture: np.ndarray
    things: tuple[Thing, ...]


def scene(seed: int, things: int = 1, size: int = SIZE, labels: tuple[int, ...] | None = None) -> Scene:
    """Draw the scene of that seed, with one thing or two of different classes; the same seed gives the same bytes.

    `labels` chooses the classes; else the seed does.
    """
    rng = default_rng([seed, things, size])
    if labels is None:
        labels = tuple(rng.choice(len(CLASSES), things, replace=False).tolist())
    picture = ground(rng, size)
    clutter(rng, picture)
    drawn = [_draw(rng, picture, label, *place) for label, place in zip(labels, _places(rng, things), strict=True)]
    grain = rng.normal(0, rng.uniform(0, 0.02), picture.shape)
    return Scene(np.clip((picture + grain) * 255 + 0.5, 0, 255).astype(np.uint8), tuple(drawn))


def _places(rng: Generator, things: int) -> list[tuple[float, float, float]]:
    """Choose centre and radius of each thing, as shares of the picture's side, so that no two touch."""
    if things == 1:
        radius = rng.uniform(0.2, 0.34)
        x, y = rng.uniform(radius * 0.95, 1 - radius * 0.95, 2)
        return [(x, y, radius)]
    across = rng.random() < 0.5
    places = []
    for side in rng.permutation([0.25, 0.75]):
        radius = rng.uniform(0.18, 0.22)
        along = side + rng.uniform(-1, 1) * (0.25 - radius * 1.12)
        free = rng.uniform(radius * 1.05, 1 - radius * 1.05)
        places.append((along, free, radius) if across else (free, along, radius))
    return places


def _draw(rng: Generator, picture: np.ndarray, label: int, x: float, y: float, radius: float) -> Thing:
    size = len(picture)
    grain = 1 / (radius * size)  # a pixel's side in the units of the shape
    shape, texture = (tuple(SHAPES.values())[label // len(TEXTURES)], tuple(TEXTURES.values())[label % len(TEXTURES)])
    tilt, turn = rng.uniform(-0.45, 0.45), rng.uniform(-0.35, 0.35)
    u, v = rotate(*coordinates(size, x, y, radius), tilt)
    distance = shape(u, v)
    light, dark = _two_colours(rng, picture, distance < 0)
    share = texture(*rotate(u, v, turn), rng.uniform(0.9, 1.15), grain)[..., None]
    shade = 1 - rng.uniform(0, 0.25) * (u * np.cos(tilt) + v)[..., None].clip(-1, 1) * 0.5
    inside = coverage(distance, grain)
    blend(picture, ((1 - share) * dark + share * light) * shade, inside)
    visible = inside
    if rng.random() < 0.35:
        bar = _bar(rng, u, v, grain)
        blend(picture, colour(rng), bar)
        visible = inside * (1 - bar)
    outline = coverage(FILLED.get(shape, shape)(u, v), grain) >= 0.5
    rows, columns = np.flatnonzero(outline.any(1)), np.flatnonzero(outline.any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Thing(label, box, visible >= 0.5, outline)


def _two_colours(rng: Generator, picture: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose two colours that can be told from each other and, at least one of them, from the ground behind."""
    behind = picture[inside].mean(0) if inside.any() else picture.mean((0, 1))
    while True:
        one, other = colour(rng), colour(rng)
        apart = np.abs(one - other).sum() > 0.9 and abs(one.mean() - other.mean()) > 0.25
        if apart and max(np.abs(one - behind).sum(), np.abs(other - behind).sum()) > 0.8:
            return one, other


def _bar(rng: Generator, u: Plane, v: Plane, grain: float) -> Plane:
    """A bar before the thing, to one side of its middle: it covers a part, and the shape can still be told."""
    across, along = rotate(u, v, rng.uniform(0, 2 * np.pi))
    thick, far = rng.uniform(0.08, 0.2), rng.uniform(0.3, 0.8)
    return coverage(np.maximum(np.abs(across - far) - thick, np.abs(along) - 1.2), grain)


def coordinates(size: int, x: float, y: float, radius: float) -> tuple[Plane, Plane]:
    """Return the coordinates of all pixel centres about (x, y) in units of `radius`, all as shares of the side."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    across, down = np.meshgrid((centres - x) / radius, (centres - y) / radius)
    return across, down


def rotate(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    """Return the coordinates of what is turned clockwise by `angle` (radians)."""
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def coverage(distance: Plane, grain: float) -> Plane:
    """Return how much of each pixel lies inside, in [0, 1], by the distance of its centre from the edge."""
    return (0.5 - distance / grain).clip(0, 1)


def _disc(x: Plane, y: Plane) -> Plane:
    return np.hypot(x, y) - 0.9


def _ring(x: Plane, y: Plane) -> Plane:
    return np.abs(np.hypot(x, y) - 0.69) - 0.27


def _square(x: Plane, y: Plane) -> Plane:
    return np.maximum(np.abs(x), np.abs(y)) - 0.78


def _triangle(x: Plane, y: Plane) -> Plane:
    return np.maximum(y - 0.6, 0.87 * np.abs(x) - 0.5 * y - 0.48)


def _star(x: Plane, y: Plane) -> Plane:
    fold = np.abs((np.arctan2(x, -y) + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
    length = np.hypot(x, y)
    edge = np.array([0.45 * np.cos(np.pi / 5) - 1.05, 0.45 * np.sin(np.pi / 5)])  # from a tip to the next notch
    return ((length * np.cos(fold) - 1.05) * edge[1] - length * np.sin(fold) * edge[0]) / np.hypot(*edge)


def _heart(x: Plane, y: Plane) -> Plane:
    across, down = np.abs(x), y - 0.1
    return np.minimum((across + np.abs(down) - 0.84) / 1.4142, np.hypot(across - 0.42, down + 0.42) - 0.594)


def _cross(x: Plane, y: Plane) -> Plane:
    across, down = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(across - 0.36, down - 0.92), np.maximum(across - 0.92, down - 0.36))


def _drop(x: Plane, y: Plane) -> Plane:
    tangent = 0.866 * np.abs(x) - 0.5 * (y + 1)  # the sides of the tip, which touch the disc where it begins
    return np.where(y < 0.02, np.maximum(tangent, y - 0.02), np.hypot(x, y - 0.35) - 0.675)


def _striped(x: Plane, y: Plane, scale: float, grain: float) -> Plane:
    return _bands(x, 0.46 * scale, grain)


def _checked(x: Plane, y: Plane, scale: float, grain: float) -> Plane:
    across, down = _bands(x, 0.8 * scale, grain), _bands(y, 0.8 * scale, grain)
    return across * (1 - down) + down * (1 - across)


def _dotted(x: Plane, y: Plane, scale: float, grain: float) -> Plane:
    period = 0.5 * scale
    row = np.floor(y / period)
    across, down = (x / period + row % 2 / 2) % 1 - 0.5, y / period % 1 - 0.5
    return coverage((np.hypot(across, down) - 0.32) * period, grain)


def _zigzag(x: Plane, y: Plane, scale: float, grain: float) -> Plane:
    bend = np.abs(x / (0.66 * scale) % 1 - 0.5) * 2
    return _bands(y + bend * 0.36 * scale, 0.5 * scale, grain)


def _bands(x: Plane, period: float, grain: float) -> Plane:
    return coverage((np.abs(x / period % 1 - 0.5) - 0.25) * period, grain)


SHAPES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "disc": _disc, "ring": _ring, "square": _square, "triangle": _triangle,
    "star": _star, "heart": _heart, "cross": _cross, "drop": _drop,
}  # fmt: skip
FILLED: dict[Callable[[Plane, Plane], Plane], Callable[[Plane, Plane], Plane]] = {
    _ring: lambda x, y: np.hypot(x, y) - 0.96
}
TEXTURES: dict[str, Callable[[Plane, Plane, float, float], Plane]] = {
    "striped": _striped, "checked": _checked, "dotted": _dotted, "zigzag": _zigzag,
}  # fmt: skip
CLASSES = tuple(f"{texture} {shape}" for shape in SHAPES for texture in TEXTURES)
