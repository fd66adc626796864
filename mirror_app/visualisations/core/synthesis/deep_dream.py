"""Deep Dream: a picture changed to show more of what a layer detects in it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from torch import Generator, Tensor

from mirror_app import render
from mirror_app.optim import Ascent, PixelSpace, Step, objectives, optimisers, transforms
from mirror_app.params import Number, Slider
from mirror_app.probe import View
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.core.synthesis.image_ascent import Size, accepted_size, frames, resize, size_of
from mirror_app.visualisations.registry import Question, visualisation

# The measured fixed cost of a step, in units of the cost of one pixel. Without it, steps at small picture sizes would
# seem free.
STEP_OVERHEAD = 64 * 64


@visualisation(
    "Deep Dream",
    paper="Mordvintsev et al. 2015, “Inceptionism: Going Deeper into Neural Networks”",
    use="To see what excites a layer, and for fun.",
    avoid="To explain an answer: it shows what the layer responds to, not what the model saw in the picture.",
    asks=Question.FINDS,
    also="DeepDream, Inceptionism, activation maximisation",
)
class DeepDream(Visualisation):
    """The picture, changed to show more of whatever a layer detects in it: first in coarse shapes, then in fine detail.

    Each step is x ← x + lr · g / rms(g) with g = ∂ mean(A²) / ∂x, where A is the output of the layer. If a channel is
    chosen, the mean of this channel replaces mean(A²). The steps are repeated at several sizes of the picture, the
    octaves, from small to large. Each octave passes on only the detail that it added, so that the picture stays sharp.
    `info["raw"]` holds the pixels (N, C, H, W) in [0, 1].

    An octave that is too small for the network is skipped. If the picture itself is too small, it is enlarged, and the
    added detail is scaled back to its size. With a scale of 1, all octaves have the size of the picture.

    Args:
        inputs: The pictures (N, C, H, W), normalised with the `mean` and `std` of the visualisation.
        layer: The layer: a submodule, its dotted name, or None for the default.
        lr: How far a step moves a pixel, as a root mean square in [0, 1]. Black and white are 1 apart.
        octaves: The number of sizes, from 1 to 10.
        scale: The size of each octave relative to the next, from 0.1 to 1.
        steps: The number of steps per octave, from 1 to 100.
        jitter: The largest random shift before each step, from 0 to 64 pixels.
        channel: The index of the filter to amplify, from 0, or -1 for the whole layer.
        seed: The seed of the random shifts.

    Returns:
        `(images, info)`: images (N, 3, H, W) in [0, 1].

    Raises:
        MirrorError: If the layer does not have the channel, does not depend on the picture, or never runs.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import DeepDream
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        >>> images, info = DeepDream(model)(torch.rand(1, 3, 32, 32), "1", octaves=2, steps=2)
        >>> images.shape, len(info["curve"])
        (torch.Size([1, 3, 32, 32]), 4)

    References:
        Mordvintsev et al. 2015, “Inceptionism: Going Deeper into Neural Networks”,
        https://research.google/blog/inceptionism-going-deeper-into-neural-networks.

    Deviations from the paper:
        A step has a fixed root mean square. In the authors' code, a step has a fixed mean magnitude.
    """

    look = render.picture
    is_iterative = True
    # Channels of the second-to-last stage detect single things; those of the last stage detect many, and the dream
    # becomes speckle.
    before_last = True

    def enlarged(self, inputs: Tensor) -> Tensor:
        return resize(inputs, accepted_size(self.view, inputs, ""))

    @classmethod
    def selected_filter(cls, params: Mapping[str, Any]) -> int | None:
        channel: int = params["channel"]
        return None if channel < 0 else channel

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        lr: Annotated[
            float,
            Slider(
                "How far each step moves a pixel (root mean square; 1 is the distance from black to white).",
                "Step size",
                max=1,
                step=0.005,
            ),
        ] = 0.015,
        octaves: Annotated[
            int,
            Slider(
                "Number of image sizes, starting with the smallest: more sizes give larger shapes.",
                min=1,
                max=10,
                step=1,
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
        pictures = space.pixels(inputs)
        sizes, note = _sizes(self.view, inputs, layer, octaves, scale)
        objective = objectives.energy(layer) if channel < 0 else objectives.channel(layer, channel)
        ascent = Ascent(self.view, space, objective, optimisers.steepest(lr), transforms=[transforms.jitter(jitter)])
        ascent_steps = _dream(ascent, pictures, sizes, steps, torch.Generator().manual_seed(seed))
        work = [height * width + STEP_OVERHEAD for height, width in sizes for _ in range(steps)]
        detail = "all filters" if channel < 0 else f"filter {channel}"
        yield from frames(ascent_steps, work, Info(note=note, detail=detail))


def octave_sizes(size: Size, octaves: int, scale: float) -> list[Size]:
    """Return the (height, width) of each octave, the smallest first; each is `scale` times the next.

    Args:
        size: The (height, width) of the last octave, in pixels.
        octaves: The number of octaves, 1 or more.
        scale: The ratio of successive sizes, in (0, 1].

    Returns:
        The sizes, at least 1 pixel each way.

    Example:
        >>> octave_sizes((224, 224), 4, 0.7)
        [(77, 77), (110, 110), (157, 157), (224, 224)]
    """
    height, width = size
    factors = [scale**number for number in reversed(range(octaves))]
    return [(max(1, round(height * factor)), max(1, round(width * factor))) for factor in factors]


def _sizes(view: View, inputs: Tensor, layer: str, octaves: int, scale: float) -> tuple[list[Size], str]:
    """Return the sizes of the octaves that the network accepts, and a note if the picture itself is too small."""
    full_size = accepted_size(view, inputs, layer)
    smaller = octave_sizes(full_size, octaves, scale)[:-1]
    note = f"The picture is too small for this layer: it was dreamed at {full_size[1]} × {full_size[0]} pixels."
    accepted = {size: size == full_size or view.accepts_size(resize(inputs[:1], size), layer) for size in set(smaller)}
    return [*filter(accepted.get, smaller), full_size], "" if full_size == size_of(inputs) else note


def _dream(ascent: Ascent, pictures: Tensor, sizes: list[Size], steps: int, generator: Generator) -> Iterator[Step]:
    """Yield every step of every octave, with the pixels at the size of the pictures."""
    full_size = size_of(pictures)
    detail = torch.zeros_like(pictures)
    for size in sizes:
        base, detail = resize(pictures, size), resize(detail, size)
        for step in ascent.run(base + detail, steps, generator):
            detail = step.pixels - base
            pixels = step.pixels if size == full_size else (pictures + resize(detail, full_size)).clamp(0, 1)
            yield Step(pixels, step.value)
