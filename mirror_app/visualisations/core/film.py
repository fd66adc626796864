"""From the steps of an ascent to the frames that are shown, and the parameters that ascents share."""

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor

from mirror_app.optim import Ascent, Step, transforms
from mirror_app.params import Number, Slider, Toggle
from mirror_app.visualisations.core.base import Attribution

ROBUST = (transforms.jitter(8), transforms.rotate(5), transforms.scale(0.05), transforms.jitter(4))

Steps = Annotated[int, Slider("More steps, a clearer picture.", min=1, max=500, step=1)]
Seed = Annotated[int, Number("The seed of the noise to start from, and of the random transforms.", min=0, max=10**6)]
Robust = Annotated[
    bool, Toggle("Shift, turn and stretch the picture a little before each look: less noise, more form.", "Transforms")
]
Smooth = Annotated[
    float, Slider("How much neighbouring pixels must agree: the weight of total variation.", max=0.5, step=0.005)
]
Faint = Annotated[float, Slider("How much pixels are held near grey: the weight of L2.", "L2", max=0.5, step=0.005)]
Blur = Annotated[float, Slider("Blur after each step, as a standard deviation in pixels.", max=2, step=0.05)]


def frames(steps: Iterator[Step], total: int, **info: Any) -> Iterator[Attribution]:
    """Yield the pixels of each of `total` steps, with `info` and how it goes.

    `objective` is, for each picture, that of the picture which the step began from; `curve` is that of all the steps so
    far, as a mean over the pictures; `progress` goes up to 1.
    """
    curve: list[float] = []
    for step in steps:
        curve.append(float(step.value.mean()))
        found = {"objective": step.value.tolist(), "curve": list(curve), "progress": len(curve) / total}
        yield Attribution(step.pixels, {**found, **info})


def from_noise(ascent: Ascent, like: Tensor, steps: int, seed: int, **info: Any) -> Iterator[Attribution]:
    """Yield the frames of an ascent from noise to pictures of the shape of `like`; all begin from the same noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = ascent.picture.noise(like[:1], generator).expand_as(like)
    return frames(ascent.climb(noise, steps, generator), steps, **info)
