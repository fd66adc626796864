"""What a layer says about a picture: its feature maps."""

from collections.abc import Iterator

from torch import Tensor

from mirror_app import render
from mirror_app.precision import widened
from mirror_app.probe import layout
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Activations",
    use="To see what a layer detects, and where: the first thing to look at in any network.",
    avoid="To explain why a class was chosen: a bright map may not matter to the answer.",
    asks=Question.FINDS,
    also="feature maps, activation maps, features, channels",
)
class Activations(Visualisation):
    """All feature maps of a layer: each is bright where its feature was detected.

    The raw array is (N, C, h, w), the tokens of a transformer laid out on their grid, without those that have no place;
    of a vector, as a linear layer gives, it is (N, C). It is called Weights as in the tool that users know; the weights
    themselves are Kernels.
    """

    look = staticmethod(render.tiles)
    image_per_channel = True

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        output = widened(self.view.capture(inputs, layer))
        if output.ndim == 4 and output[0, 0].numel() == 1:
            output = output.flatten(1)
        yield Attribution(output if output.ndim == 2 else layout(self.view, inputs, layer, output).maps(output))
