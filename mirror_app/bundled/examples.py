"""The example pictures: scenes that are available without an upload."""

from functools import cache

from mirror_app.bundled import scenes
from mirror_app.images import Picture, from_array

# (seed, number of objects) of held-out scenes, chosen for variety.
_SCENES = ((121, 1), (118, 2), (101, 1), (111, 2), (122, 1), (123, 1), (113, 2), (115, 1))


@cache
def examples() -> tuple[Picture, ...]:
    """Return the bundled example pictures, each named after the objects in it.

    Returns:
        Eight pictures, uint8 (128, 128, 3).

    Example:
        >>> from mirror_app.bundled.examples import examples
        >>> picture = examples()[0]
        >>> picture.name, picture.pixels.shape
        ('checked heart', (128, 128, 3))
    """
    return tuple(_example(seed, object_count) for seed, object_count in _SCENES)


def _example(seed: int, object_count: int) -> Picture:
    scene = scenes.scene(seed, object_count)
    name = " and ".join(scenes.CLASSES[scene_object.label] for scene_object in scene.objects)
    return from_array(scene.picture, name, name.replace(" ", "-"))
