"""Synthetic scenes with ground truth: textured shapes on cluttered grounds, with the exact mask of each shape.

A shape is a function that gives the signed distance of each point to its edge, negative inside. In its coordinates, the
radius is about 1, x points right and y points down. A texture has two colours. It is a function that gives the share of
the lighter colour at each point, in [0, 1], in the same coordinates. Shapes and textures are antialiased.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng

from mirror_app.bundled.background import blend, clutter, colour, ground

Plane = np.ndarray
SIZE = 128

# Seeds: the scenes for training and for evaluation never overlap.
TRAINING = range(10**6, 2 * 10**6)
HELD_OUT = range(10**6)


@dataclass(frozen=True, eq=False)
class SceneObject:
    """An object in a scene: its class, its box and its masks.

    Attributes:
        label: The number of its class.
        box: The box around the outline, (x0, y0, x1, y1) in pixels, x1 and y1 exclusive.
        mask: The mask of the visible part, bool (H, W).
        outline: The mask of the whole object, with holes filled and covered parts included, bool (H, W).
    """

    label: int
    box: tuple[int, int, int, int]
    mask: np.ndarray
    outline: np.ndarray


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, uint8 (H, W, 3), and the objects in it."""

    picture: np.ndarray
    objects: tuple[SceneObject, ...]


def scene(seed: int, object_count: int = 1, size: int = SIZE, labels: tuple[int, ...] | None = None) -> Scene:
    """Draw the scene of that seed; the same arguments give the same bytes.

    Args:
        seed: The seed of the random numbers.
        object_count: The number of objects, 1 or 2.
        size: The side of the picture, in pixels.
        labels: The classes, one per object; None draws different classes at random.

    Example:
        >>> from mirror_app.bundled import scenes
        >>> scene = scenes.scene(121)
        >>> scene.picture.shape, scenes.CLASSES[scene.objects[0].label]
        ((128, 128, 3), 'checked heart')
    """
    rng = default_rng([seed, object_count, size])
    if labels is None:
        labels = tuple(rng.choice(len(CLASSES), object_count, replace=False).tolist())
    picture = ground(rng, size)
    clutter(rng, picture)
    circles = _circles(rng, object_count)
    objects = [_draw(rng, picture, label, *circle) for label, circle in zip(labels, circles, strict=True)]
    noise = rng.normal(0, rng.uniform(0, 0.02), picture.shape)
    return Scene(np.clip((picture + noise) * 255 + 0.5, 0, 255).astype(np.uint8), tuple(objects))


def _circles(rng: Generator, object_count: int) -> list[tuple[float, float, float]]:
    """Choose x, y and radius of each object, as shares of the picture's side, so that objects do not touch."""
    if object_count == 1:
        radius = rng.uniform(0.2, 0.34)
        x, y = rng.uniform(radius * 0.95, 1 - radius * 0.95, 2)
        return [(x, y, radius)]
    is_horizontal = rng.random() < 0.5
    circles = []
    for side in rng.permutation([0.25, 0.75]):
        radius = rng.uniform(0.18, 0.22)
        along = side + rng.uniform(-1, 1) * (0.25 - radius * 1.12)
        free = rng.uniform(radius * 1.05, 1 - radius * 1.05)
        circles.append((along, free, radius) if is_horizontal else (free, along, radius))
    return circles


def _draw(rng: Generator, picture: np.ndarray, label: int, x: float, y: float, radius: float) -> SceneObject:
    size = len(picture)
    pixel_side = 1 / (radius * size)  # the side of a pixel in the shape's coordinates
    shape, texture = (tuple(SHAPES.values())[label // len(TEXTURES)], tuple(TEXTURES.values())[label % len(TEXTURES)])
    tilt, texture_angle = rng.uniform(-0.45, 0.45), rng.uniform(-0.35, 0.35)
    u, v = rotate(*coordinates(size, x, y, radius), tilt)
    distance = shape(u, v)
    light, dark = _two_colours(rng, picture, distance < 0)
    share = texture(*rotate(u, v, texture_angle), rng.uniform(0.9, 1.15), pixel_side)[..., None]
    shade = 1 - rng.uniform(0, 0.25) * (u * np.cos(tilt) + v)[..., None].clip(-1, 1) * 0.5
    inside = coverage(distance, pixel_side)
    blend(picture, ((1 - share) * dark + share * light) * shade, inside)
    visible = inside
    if rng.random() < 0.35:
        bar = _bar(rng, u, v, pixel_side)
        blend(picture, colour(rng), bar)
        visible = inside * (1 - bar)
    outline = coverage(FILLED.get(shape, shape)(u, v), pixel_side) >= 0.5
    rows, columns = np.flatnonzero(outline.any(1)), np.flatnonzero(outline.any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return SceneObject(label, box, visible >= 0.5, outline)


def _two_colours(rng: Generator, picture: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose two colours that differ from each other; at least one also differs from the background."""
    background = picture[inside].mean(0) if inside.any() else picture.mean((0, 1))
    while True:
        first, second = colour(rng), colour(rng)
        are_distinct = np.abs(first - second).sum() > 0.9 and abs(first.mean() - second.mean()) > 0.25
        if are_distinct and max(np.abs(first - background).sum(), np.abs(second - background).sum()) > 0.8:
            return first, second


def _bar(rng: Generator, u: Plane, v: Plane, pixel_side: float) -> Plane:
    """Return the coverage of a bar that hides part of the object, off its centre, so that the shape stays visible."""
    across, along = rotate(u, v, rng.uniform(0, 2 * np.pi))
    thickness, offset = rng.uniform(0.08, 0.2), rng.uniform(0.3, 0.8)
    return coverage(np.maximum(np.abs(across - offset) - thickness, np.abs(along) - 1.2), pixel_side)


def coordinates(size: int, x: float, y: float, radius: float) -> tuple[Plane, Plane]:
    """Return the coordinates of all pixel centres relative to (x, y), in units of `radius`."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    across, down = np.meshgrid((centres - x) / radius, (centres - y) / radius)
    return across, down


def rotate(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    """Return the coordinates of a shape rotated clockwise by `angle`, in radians."""
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def coverage(distance: Plane, pixel_side: float) -> Plane:
    """Return the share of each pixel inside the shape, in [0, 1], from the signed distance of its centre."""
    return (0.5 - distance / pixel_side).clip(0, 1)


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
    tangent = 0.866 * np.abs(x) - 0.5 * (y + 1)  # the sides of the tip, tangent to the disc
    return np.where(y < 0.02, np.maximum(tangent, y - 0.02), np.hypot(x, y - 0.35) - 0.675)


def _striped(x: Plane, y: Plane, scale: float, pixel_side: float) -> Plane:
    return _bands(x, 0.46 * scale, pixel_side)


def _checked(x: Plane, y: Plane, scale: float, pixel_side: float) -> Plane:
    across, down = _bands(x, 0.8 * scale, pixel_side), _bands(y, 0.8 * scale, pixel_side)
    return across * (1 - down) + down * (1 - across)


def _dotted(x: Plane, y: Plane, scale: float, pixel_side: float) -> Plane:
    period = 0.5 * scale
    row = np.floor(y / period)
    across, down = (x / period + row % 2 / 2) % 1 - 0.5, y / period % 1 - 0.5
    return coverage((np.hypot(across, down) - 0.32) * period, pixel_side)


def _zigzag(x: Plane, y: Plane, scale: float, pixel_side: float) -> Plane:
    bend = np.abs(x / (0.66 * scale) % 1 - 0.5) * 2
    return _bands(y + bend * 0.36 * scale, 0.5 * scale, pixel_side)


def _bands(x: Plane, period: float, pixel_side: float) -> Plane:
    return coverage((np.abs(x / period % 1 - 0.5) - 0.25) * period, pixel_side)


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
