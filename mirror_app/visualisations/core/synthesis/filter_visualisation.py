"""Filter visualisation: an image that activates one filter as strongly as possible."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from torch import Tensor

from mirror_app import render
from mirror_app.optim import PixelSpace, objectives, operators, penalties
from mirror_app.params import Number, Radio
from mirror_app.probe import channels_first
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.core.synthesis.image_ascent import (
    Basis,
    Blur,
    Decorrelate,
    L2Weight,
    Seed,
    Steps,
    StepSize,
    TVWeight,
    UseTransforms,
    from_noise,
    make_ascent,
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

    The image is the x that maximises mean(A) - λ₁ TV(x) - λ₂ Σ (x - ½)², where A is a channel of the layer's output.
    With `aim="middle unit"`, A's middle unit replaces mean(A). The image starts from noise; only the size of the input
    matters. `info["raw"]` holds the pixels (N, C, H, W) in [0, 1].

    Args:
        inputs: Pictures (N, C, H, W) of the size of the images.
        layer: The layer: a submodule, its dotted name, or None for the default.
        channel: The index of the filter, from 0.
        aim: "whole map" or "middle unit".
        picture: The numbers that are optimised: "waves" (Fourier coefficients, by Adam) or "pixels" (by steps of fixed
            length).
        decorrelate: Whether waves follow the principal colours of photographs instead of red, green and blue.
        robust: Whether the image is transformed before each step: shifted by up to 12 pixels, rotated by up to 5° and
            scaled by up to 5%, at random.
        total_variation: The weight λ₁ of the total variation, from 0 to 0.1.
        l2: The weight λ₂ of the L2 penalty, from 0 to 0.5.
        blur: The standard deviation of the blur after each step, from 0 to 2 pixels.
        lr: The step size, from 0 to 0.3.
        steps: The number of steps, from 1 to 500.
        seed: The seed of the noise and of the transforms.

    Returns:
        `(images, info)`: images (N, 3, H, W) in [0, 1]. `info["curve"]` holds the objective of each step.

    Raises:
        MirrorError: If the layer does not have the channel, has no gradient, or needs a larger input.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import FilterVisualisation
        >>> _ = torch.manual_seed(0)
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh())
        >>> images, info = FilterVisualisation(model)(torch.rand(1, 3, 32, 32), "1", channel=2, steps=3)
        >>> images.shape, info["curve"][0] < info["curve"][2]
        (torch.Size([1, 3, 32, 32]), True)

    References:
        Erhan et al. 2009, “Visualizing Higher-Layer Features of a Deep Network”.
        Olah et al. 2017, “Feature Visualization”, https://distill.pub/2017/feature-visualization.

    Deviations from the paper:
        Total variation, L2 penalty and blur are optional and off by default.
    """

    look = render.picture
    is_iterative = True
    starts_from_noise = True

    @classmethod
    def selected_filter(cls, params: Mapping[str, Any]) -> int | None:
        channel: int = params["channel"]
        return channel

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
        picture: Basis = "waves",
        decorrelate: Decorrelate = True,
        robust: UseTransforms = True,
        total_variation: TVWeight = 0.0,
        l2: L2Weight = 0.0,
        blur: Blur = 0.0,
        lr: StepSize = 0.05,
        steps: Steps = 100,
        seed: Seed = 0,
    ) -> Iterator[Attribution]:
        require_size(self.view, inputs, layer)
        # The layout is learned from the input, since the grey initial picture hardly reveals it.
        channels_first(self.view, inputs, layer, self.view.capture(inputs, layer))
        response = {"whole map": objectives.channel, "middle unit": objectives.neuron}[aim](layer, channel)
        objective = response - total_variation * penalties.total_variation() - l2 * penalties.l2()
        ascent = make_ascent(
            self.view,
            PixelSpace.of(inputs, self.mean, self.std),
            objective,
            [operators.blur(blur)],
            picture=picture,
            decorrelate=decorrelate,
            robust=robust,
            lr=lr,
        )
        yield from from_noise(ascent, inputs, steps, seed, Info(detail=f"filter {channel}"))
