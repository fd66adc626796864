"""What a layer says about a picture: its feature maps."""

from collections.abc import Iterator

from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.registry import visualisation
from mirror_app.visualisations.core.base import Attribution, Visualisation


@visualisation("Activations")
class Weights(Visualisation):
    """Every feature map of a layer: bright where the layer found what that map looks for.

    The raw array is (N, C, h, w); of a vector, as a linear layer gives, it is (N, C). It is called Weights as in the
    tool that users know; the weights themselves are Kernels.
    """

    look = staticmethod(render.tiles)

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        maps = self.view.capture(inputs, layer)
        if maps.ndim not in (2, 4):
            raise MirrorError(f"The layer '{layer}' gives {tuple(maps.shape)}, which is not a set of feature maps.")
        yield Attribution(maps)
