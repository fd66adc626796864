"""The scenes that stand ready when the page opens."""

from functools import cache

from mirror_app.bundled import scenes
from mirror_app.images import Picture, from_array

# Seeds of held-out scenes and how many things they show, chosen for variety.
_SCENES = ((121, 1), (118, 2), (101, 1), (111, 2), (122, 1), (123, 1), (113, 2), (115, 1))


@cache
def examples() -> tuple[Picture, ...]:
    """Return the bundled pictures; the things in a scene give it its name."""
    return tuple(_example(seed, things) for seed, things in _SCENES)


def _example(seed: int, things: int) -> Picture:
    scene = scenes.scene(seed, things)
    name = " and ".join(scenes.CLASSES[thing.label] for thing in scene.things)
    return from_array(scene.picture, name, name.replace(" ", "-"))
