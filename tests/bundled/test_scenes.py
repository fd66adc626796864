"""Scenes are what they say: the same by seed, with exact masks."""

import itertools

import numpy as np
import pytest

from mirror_app.bundled import scenes
from mirror_app.bundled.scenes import CLASSES, HELD_OUT, SHAPES, TEXTURES, TRAINING, scene


def test_there_are_enough_classes_with_plain_names_of_their_own() -> None:
    assert len(set(CLASSES)) == len(CLASSES) >= 24
    assert "striped star" in CLASSES


def test_a_seed_is_a_scene() -> None:
    for object_count in (1, 2):
        first, again, other = scene(7, object_count), scene(7, object_count), scene(8, object_count)
        assert np.array_equal(first.picture, again.picture)
        assert [scene_object.label for scene_object in first.objects] == [
            scene_object.label for scene_object in again.objects
        ]
        assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first.objects, again.objects, strict=True))
        assert not np.array_equal(first.picture, other.picture)


def test_what_is_trained_on_is_never_used_to_judge() -> None:
    assert not set(HELD_OUT[::1000]) & set(TRAINING)
    assert HELD_OUT.stop <= TRAINING.start


def test_masks_and_boxes_agree_with_each_other_and_with_the_picture() -> None:
    for seed in range(60):
        for scene_object in scene(seed, 1 + seed % 2).objects:
            x0, y0, x1, y1 = scene_object.box
            assert scene_object.outline[y0:y1, x0:x1].sum() == scene_object.outline.sum()
            assert scene_object.outline[y0].any()
            assert scene_object.outline[y1 - 1].any()
            assert scene_object.outline[:, x0].any()
            assert scene_object.outline[:, x1 - 1].any()
            assert not (scene_object.mask & ~scene_object.outline).any()
            assert scene_object.mask.sum() > 0.35 * scene_object.outline.sum()


def test_the_mask_is_where_the_picture_changes_with_the_class() -> None:
    """A scene drawn with another texture differs from the first on the object, and nowhere else."""
    for seed in range(20):
        one, other = (scene(seed, labels=(label,)) for label in (0, 3))
        assert np.array_equal(one.objects[0].outline, other.objects[0].outline)
    ground = scene(3, labels=(CLASSES.index("striped heart"),))
    same = scene(3, labels=(CLASSES.index("checked heart"),))
    changed = np.abs(ground.picture.astype(int) - same.picture).sum(2) > 0
    grown = np.zeros_like(changed)
    for down, right in itertools.product((-1, 0, 1), repeat=2):
        grown |= np.roll(ground.objects[0].mask, (down, right), (0, 1))
    assert changed.any()
    assert not (changed & ~grown).any()


def test_two_things_are_of_different_classes_and_do_not_touch() -> None:
    for seed in range(100):
        one, other = scene(seed, 2).objects
        assert one.label != other.label
        assert not (one.outline & other.outline).any()


def test_edges_are_antialiased() -> None:
    for shape in SHAPES.values():
        tilted = scenes.rotate(*scenes.coordinates(64, 0.5, 0.5, 0.3), 0.2)
        inside = scenes.coverage(shape(*tilted), 1 / (0.3 * 64))
        assert ((inside > 0.05) & (inside < 0.95)).sum() > 20
        assert set(np.unique(inside[[0, -1]])) == {0}
        assert inside.max() == 1


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_is_about_half_of_each_colour(name: str) -> None:
    share = TEXTURES[name](*scenes.coordinates(256, 0.5, 0.5, 0.1), 1.0, 0.05)
    assert 0.3 < share.mean() < 0.7
    assert share.min() >= 0
    assert share.max() <= 1


def test_an_edge_is_where_the_distance_is_nothing_and_distances_grow_by_one() -> None:
    x, y = scenes.coordinates(400, 0.5, 0.5, 0.25)
    for name, shape in SHAPES.items():
        down, right = np.gradient(shape(x, y), 1 / (0.25 * 400))
        near = np.abs(shape(x, y)) < 0.02
        steep = np.hypot(down, right)[near]
        assert np.median(np.abs(steep - 1)) < 0.1, name
