"""The parameters, the gradient ascent and the frames shared by all visualisations that create pictures."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.errors import MirrorError
from mirror_app.optim import Ascent, Fourier, Objective, Pixels, PixelSpace, Step, optimisers, transforms
from mirror_app.optim.operators import Operator
from mirror_app.params import Number, Radio, Slider, Toggle
from mirror_app.probe import View
from mirror_app.visualisations.core.base import Attribution, Info

Size = tuple[int, int]
# A picture that is too small is doubled until the network accepts it, but its shorter side never exceeds this length.
MAX_ENLARGED_SIDE = 1024  # pixels

RANDOM_TRANSFORMS = (transforms.jitter(8), transforms.rotate(5), transforms.scale(0.05), transforms.jitter(4))

StepSize = Annotated[float, Slider("Size of each step.", "Step size", max=0.3, step=0.005)]
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
Basis = Annotated[
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


def frames(steps: Iterator[Step], work: Sequence[int], info: Info) -> Iterator[Attribution]:
    """Yield the pixels of each step as a frame.

    Args:
        steps: The steps of an ascent.
        work: The cost of each step, in any unit.
        info: Facts that are added to the info of each frame.

    Yields:
        The frames. Their info holds the `objective` (its value for each picture before the step), the `curve` (the mean
        objective of each step so far) and the `progress` (the fraction of the work that is done).
    """
    curve: list[float] = []
    for step, done in zip(steps, accumulate(work), strict=True):
        curve.append(float(step.value.mean()))
        progress = Info(objective=step.value.tolist(), curve=list(curve), progress=done / sum(work))
        yield Attribution(step.pixels, progress | info)


def make_ascent(
    view: View,
    space: PixelSpace,
    objective: Objective,
    operators: Sequence[Operator],
    *,
    picture: str,
    decorrelate: bool,
    robust: bool,
    lr: float,
    start: float = Fourier.start,
) -> Ascent:
    """Return the ascent that the parameters describe. Waves are optimised by Adam, pixels by steps of fixed length.

    `start` is the standard deviation of the coefficients of waves in the initial noise.
    """
    is_fourier = picture == "waves"
    return Ascent(
        view,
        space,
        objective,
        optimisers.adam(lr) if is_fourier else optimisers.steepest(lr),
        Fourier(decorrelate, start) if is_fourier else Pixels(),
        RANDOM_TRANSFORMS if robust else (),
        operators,
    )


def from_noise(ascent: Ascent, like: Tensor, steps: int, seed: int, info: Info) -> Iterator[Attribution]:
    """Yield the frames of an ascent that starts from noise of the shape of `like`, the same for all pictures."""
    generator = torch.Generator().manual_seed(seed)
    noise = ascent.parametrisation.noise(like[:1], generator).expand_as(like)
    return frames(ascent.run(noise, steps, generator), [1] * steps, info)


def size_of(pictures: Tensor) -> Size:
    """Return the (height, width) of pictures (N, C, H, W)."""
    return pictures.shape[2], pictures.shape[3]


def resize(pixels: Tensor, size: Size) -> Tensor:
    """Return pixels (N, C, h, w) resized to (height, width): bilinear, with averaging if they are reduced."""
    if size_of(pixels) == size:
        return pixels
    return F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)


def accepted_size(view: View, inputs: Tensor, layer: str) -> Size:
    """Return the size of `inputs`, doubled until the network accepts it; raise the network's error if it never does."""
    height, width = size_of(inputs)
    factor = 1
    while factor == 1 or factor * min(height, width) <= MAX_ENLARGED_SIDE:
        size = (height * factor, width * factor)
        if view.accepts_size(resize(inputs[:1], size), layer):
            return size
        factor *= 2
    view.capture(inputs, layer)  # the size is not the problem, so this raises the actual error
    return height, width


def require_size(view: View, inputs: Tensor, layer: str) -> None:
    """Raise MirrorError if `inputs` are too small for `layer`."""
    height, width = size_of(inputs)
    accepted = accepted_size(view, inputs, layer)
    if accepted != (height, width):
        size, enough = f"{width} × {height} pixels", f"{accepted[1]} × {accepted[0]} pixels"
        subject = f"the layer '{layer}'" if layer else "the model"
        raise MirrorError(
            f"An input of {size} is too small for {subject}", culprit=size, accepted=enough, hint=f"use {enough}"
        )
