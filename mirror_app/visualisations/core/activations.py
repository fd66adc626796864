"""Activations: the feature maps of a layer."""

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

    The maps are A = f(x), the output of the layer f for the input x. `info["raw"]` holds A as (N, C, h, w). The tokens
    of a transformer are arranged on their grid; tokens without a position, such as the class token, are left out. A
    vector, such as the output of a linear layer, is (N, C).

    Args:
        inputs: The pictures (N, C, H, W), normalised as the model expects.
        layer: The layer: a submodule, its dotted name, or None for the default.

    Returns:
        `(images, info)`: images (N · C, 3, h, w) in [0, 1], one per feature map. By default, each has its own scale.

    Raises:
        MirrorError: If the layer never runs, or its output is not one tensor with positions in the picture.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Activations
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        >>> images, info = Activations(model)(torch.rand(2, 3, 8, 8), "1")
        >>> images.shape, info["raw"].shape
        (torch.Size([8, 3, 8, 8]), torch.Size([2, 4, 8, 8]))

    References:
        Zeiler and Fergus 2014, “Visualizing and Understanding Convolutional Networks”,
        https://arxiv.org/abs/1311.2901.
    """

    look = render.tiles
    image_per_channel = True

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        output = widened(self.view.capture(inputs, layer))
        if output.ndim == 4 and output[0, 0].numel() == 1:
            output = output.flatten(1)
        yield Attribution(output if output.ndim == 2 else layout(self.view, inputs, layer, output).maps(output))
