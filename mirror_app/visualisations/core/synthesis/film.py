"""From the steps of an ascent to the frames that are shown, and the parameters that ascents share."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.errors import MirrorError
from mirror_app.optim import Ascent, Step, transforms
from mirror_app.params import Number, Radio, Slider, Toggle
from mirror_app.probe import View
from mirror_app.visualisations.core.base import Attribution

Size = tuple[int, int]
LARGEST = 1024  # pixels: the shorter side to which a picture that is too small may be enlarged

ROBUST = (transforms.jitter(8), transforms.rotate(5), transforms.scale(0.05), transforms.jitter(4))

Strength = Annotated[float, Slider("Size of each step.", "Strength of a step", max=0.3, step=0.005)]
Steps = Annotated[int, Slider("More steps give a clearer picture.", min=1, max=500, step=1)]
Seed = Annotated[int, Number("Seed of the initial noise and of the random transforms.", min=0, max=10**6)]
UseTransforms = Annotated[
    bool,
    Toggle("Shift, rotate and scale the picture slightly before each step: less noise, clearer shapes.", "Transforms"),
]
TVWeight = Annotated[
    float, Slider("Weight of the total variation penalty, which makes neighbouring pixels agree.", max=0.1, step=0.001)
]
L2Weight = Annotated[
    float, Slider("Weight of the L2 penalty, which keeps pixels near grey.", "L2", max=0.5, step=0.005)
]
MadeOf = Annotated[
    str,
    Radio(
        "Waves give smooth images with structure at every scale; pixels give fine, noisy ones.",
        "Made of",
        options=("waves", "pixels"),
    ),
]
Decorrelate = Annotated[
    bool,
    Toggle(
        "Optimise along the principal colours of photographs instead of red, green and blue.", when=("picture", "waves")
    ),
]
Blur = Annotated[float, Slider("Standard deviation of the blur after each step, in pixels.", max=2, step=0.05)]


def frames(steps: Iterator[Step], work: Sequence[int], **info: Any) -> Iterator[Attribution]:
    """Yield the pixels of each step, with `info` and how it goes; `work` says how much each of the steps takes.

    `objective` is, for each picture, that of the picture which the step began from; `curve` is that of all the steps so
    far, as a mean over the pictures; `progress` is the share of the work that is done.
    """
    curve: list[float] = []
    for step, done in zip(steps, accumulate(work), strict=True):
        curve.append(float(step.value.mean()))
        found = {"objective": step.value.tolist(), "curve": list(curve), "progress": done / sum(work)}
        yield Attribution(step.pixels, {**found, **info})


def from_noise(ascent: Ascent, like: Tensor, steps: int, seed: int, **info: Any) -> Iterator[Attribution]:
    """Yield the frames of an ascent from noise to pictures of the shape of `like`; all begin from the same noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = ascent.parametrisation.noise(like[:1], generator).expand_as(like)
    return frames(ascent.run(noise, steps, generator), [1] * steps, **info)


def size_of(pictures: Tensor) -> Size:
    """Return the (height, width) of pictures (N, C, H, W)."""
    return pictures.shape[2], pictures.shape[3]


def resize(pixels: Tensor, size: Size) -> Tensor:
    """Return pixels (N, C, h, w) at another size (height, width): averaged where they become fewer, else bilinear."""
    if size_of(pixels) == size:
        return pixels
    return F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)


def accepted_size(view: View, inputs: Tensor, layer: str) -> Size:
    """Return the size of `inputs`, doubled until `layer` can be reached; raise what the network raises."""
    height, width = size_of(inputs)
    times = 1
    while times == 1 or times * min(height, width) <= LARGEST:
        size = (height * times, width * times)
        if view.accepts_size(resize(inputs[:1], size), layer):
            return size
        times *= 2
    view.capture(inputs, layer)  # not the size but something else is wrong, and this raises it
    return height, width


def require_size(view: View, inputs: Tensor, layer: str) -> None:
    """Raise MirrorError where `inputs` are too small for `layer` to be reached."""
    height, width = size_of(inputs)
    taken = accepted_size(view, inputs, layer)
    culprit = f"the layer '{layer}'" if layer else "the model"
    if taken != (height, width):
        raise MirrorError(
            f"An input of {width} × {height} pixels is too small for {culprit}: "
            f"one of {taken[1]} × {taken[0]} is taken."
        )
