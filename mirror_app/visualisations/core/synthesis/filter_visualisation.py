"""Filter visualisation: the picture that a filter answers to most."""

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mirror_app import render
from mirror_app.optim import Ascent, Fourier, Pixels, PixelSpace, objectives, operators, optimisers, penalties
from mirror_app.params import Number, Radio
from mirror_app.probe import channels_first
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.synthesis.film import (
    ROBUST,
    Blur,
    Decorrelate,
    L2Weight,
    MadeOf,
    Seed,
    Steps,
    Strength,
    TVWeight,
    UseTransforms,
    from_noise,
    require_size,
)
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Filter visualisation",
    paper="Olah et al. 2017, “Feature Visualization”, https://distill.pub/2017/feature-visualization",
    use="To see what one filter looks for, whatever the picture.",
    avoid="To claim that it looks for nothing else: one filter often responds to several things.",
    asks=Question.LIKENESS,
    also="activation maximisation, optimisation, channel, neuron",
)
class FilterVisualisation(Visualisation):
    """An image optimised to activate one filter as strongly as possible.

    The raw array is the pixels (N, C, H, W) in [0, 1], made from noise: of the input only the size counts. Pixels are
    climbed by steps of one length (Erhan et al. 2009), waves by Adam.
    """

    look = staticmethod(render.picture)
    is_iterative = True
    starts_from_noise = True

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        channel: Annotated[int, Number("Index of the filter, from 0.", "Filter", min=0)] = 0,
        aim: Annotated[
            str,
            Radio(
                "The whole map gives a texture; its middle unit gives a single instance of what the filter looks for.",
                options=("whole map", "middle unit"),
            ),
        ] = "whole map",
        picture: MadeOf = "waves",
        decorrelate: Decorrelate = True,
        robust: UseTransforms = True,
        total_variation: TVWeight = 0.0,
        l2: L2Weight = 0.0,
        blur: Blur = 0.0,
        lr: Strength = 0.05,
        steps: Steps = 100,
        seed: Seed = 0,
    ) -> Iterator[Attribution]:
        require_size(self.view, inputs, layer)
        # The places of the layer are proven on the input: on the grey that the picture begins with they show less.
        channels_first(self.view, inputs, layer, self.view.capture(inputs, layer))
        response = {"whole map": objectives.channel, "middle unit": objectives.neuron}[aim](layer, channel)
        objective = response - total_variation * penalties.total_variation() - l2 * penalties.l2()
        waves = picture == "waves"
        ascent = Ascent(
            self.view,
            PixelSpace.of(inputs, self.mean, self.std),
            objective,
            optimisers.adam(lr) if waves else optimisers.steepest(lr),
            Fourier(decorrelate) if waves else Pixels(),
            ROBUST if robust else (),
            [operators.blur(blur)],
        )
        yield from from_noise(ascent, inputs, steps, seed, detail=f"filter {channel}")
