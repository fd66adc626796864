"""Inverted representation: what a layer still knows about a picture."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.optim import Ascent, ForwardPass, Fourier, PixelSpace, objectives, optimisers, penalties
from mirror_app.precision import widened
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.core.synthesis.image_ascent import (
    Seed,
    Steps,
    StepSize,
    TVWeight,
    from_noise,
    require_size,
)
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Inverted representation",
    paper="Mahendran and Vedaldi 2015, “Understanding Deep Image Representations by Inverting Them”, "
    "https://arxiv.org/abs/1412.0035",
    use="To see what a layer still knows about the picture, and what it has discarded.",
    avoid="To explain an answer: it reconstructs all that the layer holds, including what the model does not use.",
    asks=Question.FINDS,
    also="feature inversion, reconstruction, inverting",
)
class InvertedRepresentation(Visualisation):
    """An image optimised to match the layer's output for your picture; it lacks details that the layer has discarded.

    The image is the x that minimises |Φ(x) - Φ₀|² / |Φ₀|² + λ TV(x), where Φ is the layer and Φ₀ its output for the
    input. `info["raw"]` holds the pixels (N, C, H, W) in [0, 1].

    Args:
        inputs: The pictures (N, C, H, W), normalised with the `mean` and `std` of the visualisation.
        layer: The layer: a submodule, its dotted name, or None for the default.
        total_variation: The weight λ of the total variation, from 0 to 0.1.
        lr: The step size, from 0 to 0.3.
        steps: The number of steps, from 1 to 500.
        seed: The seed of the initial noise.

    Returns:
        `(images, info)`: images (N, 3, H, W) in [0, 1]. `info["loss"]` is |Φ(x) - Φ₀|² / |Φ₀|² for each picture: 0 if
        the outputs are equal, and 1 if the layer's output for the image, Φ(x), is zero.

    Raises:
        MirrorError: If the layer has no gradient, or the input is too small for the layer.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import InvertedRepresentation
        >>> _ = torch.manual_seed(0)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1))
        >>> images, info = InvertedRepresentation(model)(torch.rand(1, 3, 16, 16), "0", steps=20)
        >>> images.shape, info["loss"][0] < 1
        (torch.Size([1, 3, 16, 16]), True)

    References:
        Mahendran and Vedaldi 2015, “Understanding Deep Image Representations by Inverting Them”,
        https://arxiv.org/abs/1412.0035.

    Deviations from the paper:
        Fourier coefficients are optimised by Adam, instead of pixels by gradient descent with momentum. The total
        variation is off by default, and there is no penalty for extreme pixel values, since a sigmoid bounds them.
    """

    look = render.picture
    is_iterative = True
    starts_from_noise = True

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        total_variation: TVWeight = 0.0,
        lr: StepSize = 0.05,
        steps: Steps = 200,
        seed: Seed = 0,
    ) -> Iterator[Attribution]:
        require_size(self.view, inputs, layer)
        space = PixelSpace.of(inputs, self.mean, self.std)
        distance = objectives.distance(layer, widened(self.view.capture(inputs, layer)))
        objective = -distance - total_variation * penalties.total_variation()
        ascent = Ascent(self.view, space, objective, optimisers.adam(lr), Fourier())
        for frame in from_noise(ascent, inputs, steps, seed, Info()):
            yield frame
        with torch.no_grad():
            outputs = self.view.outputs_of(space.inputs(frame.raw), [layer])
        loss = distance(ForwardPass(frame.raw, outputs))
        yield Attribution(frame.raw, frame.info | Info(loss=loss.tolist()))
