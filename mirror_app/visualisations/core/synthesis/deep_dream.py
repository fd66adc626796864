"""More of what a layer sees in a picture, painted into the picture."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Generator, Tensor

from mirror_app import render
from mirror_app.optim import Ascent, PixelSpace, Step, objectives, optimisers, transforms
from mirror_app.params import Number, Slider
from mirror_app.probe import View
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.synthesis.film import Size, accepted_size, frames, resize, size_of
from mirror_app.visualisations.registry import Question, visualisation

# The cost of a step beyond that of its pixels, in pixels. It is measured: without it, small octaves would seem free.
STEP_OVERHEAD = 64 * 64


@visualisation(
    "Deep Dream",
    paper="Mordvintsev et al. 2015, “Inceptionism: Going Deeper into Neural Networks”",
    use="To see what excites a layer, and for fun.",
    avoid="To explain an answer: it shows what the layer responds to, not what it saw.",
    asks=Question.FINDS,
    also="DeepDream, Inceptionism, activation maximisation",
)
class DeepDream(Visualisation):
    """The picture, changed to show more of whatever a layer detects in it, from coarse shapes to fine detail.

    The raw array is the pixels (N, C, H, W) in [0, 1]. Of each octave only the detail that it added is carried on, so
    that the picture stays sharp. An octave too small for the network is left out; a picture too small for it is dreamed
    larger, and what was added is shrunk back. At a scale of 1 all octaves have the size of the picture: so many rounds.
    """

    look = staticmethod(render.picture)
    is_iterative = True
    before_last = True  # whose maps are of things: those of the last stage, of many things at once, dream of speckle

    def enlarged(self, inputs: Tensor) -> Tensor:
        return resize(inputs, accepted_size(self.view, inputs, ""))

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        lr: Annotated[
            float,
            Slider(
                "How far each step moves a pixel (root mean square; 1 is the distance from black to white).",
                "Strength of a step",
                max=1,
                step=0.005,
            ),
        ] = 0.015,
        octaves: Annotated[
            int,
            Slider(
                "Number of image sizes, starting with the smallest: more give larger shapes.", min=1, max=10, step=1
            ),
        ] = 5,
        scale: Annotated[float, Slider("Size of each octave relative to the next.", min=0.1, max=1, step=0.05)] = 0.7,
        steps: Annotated[
            int, Slider("Steps per octave: more steps change the picture more.", min=1, max=100, step=1)
        ] = 12,
        jitter: Annotated[
            int,
            Slider("Randomly shift the picture by up to this many pixels per step, to reduce noise.", max=64, step=1),
        ] = 16,
        channel: Annotated[
            int, Number("The filter to amplify, or -1 for the whole layer.", "Filter, -1 for all", min=-1)
        ] = -1,
        seed: Annotated[int, Number("Seed of the random shifts.", min=0, max=10**6)] = 0,
    ) -> Iterator[Attribution]:
        space = PixelSpace.of(inputs, self.mean, self.std)
        picture = space.pixels(inputs)
        sizes, note = _sizes(self.view, inputs, layer, octaves, scale)
        objective = objectives.energy(layer) if channel < 0 else objectives.channel(layer, channel)
        ascent = Ascent(self.view, space, objective, optimisers.steepest(lr), transforms=[transforms.jitter(jitter)])
        dreamed = _dream(ascent, picture, sizes, steps, torch.Generator().manual_seed(seed))
        work = [height * width + STEP_OVERHEAD for height, width in sizes for _ in range(steps)]
        yield from frames(dreamed, work, note=note, detail="all filters" if channel < 0 else f"filter {channel}")


def octave_sizes(size: Size, octaves: int, scale: float) -> list[Size]:
    """Return the (height, width) of each octave, the smallest first: each side `scale` of the next one's."""
    height, width = size
    shares = [scale**number for number in reversed(range(octaves))]
    return [(max(1, round(height * share)), max(1, round(width * share))) for share in shares]


def _sizes(view: View, inputs: Tensor, layer: str, octaves: int, scale: float) -> tuple[list[Size], str]:
    """Return the octaves that the network takes, and a note where the picture itself is too small for it."""
    own = size_of(inputs)
    largest = accepted_size(view, inputs, layer)
    smaller = octave_sizes(largest, octaves, scale)[:-1]
    note = f"The picture is too small for this layer: it was dreamed at {largest[1]} × {largest[0]} pixels."
    taken = {size: size == largest or view.accepts_size(resize(inputs[:1], size), layer) for size in set(smaller)}
    return [*filter(taken.get, smaller), largest], "" if largest == own else note


def _dream(ascent: Ascent, picture: Tensor, sizes: list[Size], steps: int, generator: Generator) -> Iterator[Step]:
    """Yield each step at each octave, at the size of the picture."""
    own = size_of(picture)
    detail = torch.zeros_like(picture)
    for size in sizes:
        ground, detail = resize(picture, size), resize(detail, size)
        for step in ascent.run(ground + detail, steps, generator):
            detail = step.pixels - ground
            shown = step.pixels if size == own else (picture + resize(detail, own)).clamp(0, 1)
            yield Step(shown, step.value)
