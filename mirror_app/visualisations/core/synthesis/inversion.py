"""What a layer remembers of a picture."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.optim import Ascent, ForwardPass, Fourier, PixelSpace, objectives, optimisers, penalties
from mirror_app.precision import widened
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.synthesis.film import Seed, Steps, Strength, TVWeight, from_noise, require_size
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Inverted representation",
    paper="Mahendran and Vedaldi 2015, “Understanding Deep Image Representations by Inverting Them”, "
    "https://arxiv.org/abs/1412.0035",
    use="To see what a layer still knows about the picture, and what it has discarded.",
    avoid="To explain an answer: the whole representation counts, whether or not it is used.",
    asks=Question.FINDS,
    also="feature inversion, reconstruction, inverting",
)
class InvertedRepresentation(Visualisation):
    """Noise is optimised until the layer responds as it does to your picture; whatever is missing, the layer discarded.

    The raw array is the pixels (N, C, H, W) in [0, 1]. `loss` in the last info is |Φ(x) - Φ₀|² / |Φ₀|², one for
    each picture: 1 is no better than silence. Not as in the paper, waves are climbed by Adam.
    """

    look = staticmethod(render.picture)
    is_iterative = True
    starts_from_noise = True

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        total_variation: TVWeight = 0.0,
        lr: Strength = 0.05,
        steps: Steps = 200,
        seed: Seed = 0,
    ) -> Iterator[Attribution]:
        require_size(self.view, inputs, layer)
        space = PixelSpace.of(inputs, self.mean, self.std)
        distance = objectives.distance(layer, widened(self.view.capture(inputs, layer)))
        objective = -distance - total_variation * penalties.total_variation()
        ascent = Ascent(self.view, space, objective, optimisers.adam(lr), Fourier())
        for frame in from_noise(ascent, inputs, steps, seed):
            yield frame
        with torch.no_grad():
            outputs = self.view.outputs_of(space.inputs(frame.raw), [layer])
        loss = distance(ForwardPass(frame.raw, outputs))
        yield Attribution(frame.raw, {**frame.info, "loss": loss.tolist()})
