"""Kernels: the weights of a convolution."""

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor, nn

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.params import Number
from mirror_app.precision import widened
from mirror_app.probe.weight_in_use import weight_in_use
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Kernels",
    use="To see what the first layer looks for: edges, blobs, colours.",
    avoid="Deep in a network, where filters act on feature maps instead of colours and are rarely readable.",
    asks=Question.LIKENESS,
    also="filters, weights, convolution kernels",
)
class Kernels(Visualisation):
    """The weights of a convolution, drawn as small images.

    The convolution is y = W ∗ x + b, and its weights W are shown. Filters with 3 input channels, as in a first layer,
    are shown as RGB images in which grey is zero; `info["raw"]` is then (filters, 3, h, w). Filters with one input
    channel are shown in colours from blue (negative) to red (positive); `info["raw"]` is then (filters, 1, h, w).
    Otherwise, one filter is shown in the same colours, as one image per input channel; `info["raw"]` is then
    (channels, 1, h, w). In a grouped convolution, a filter has only the channels of its group. For a layer that
    contains other layers, the first convolution inside it is shown. If the weights are computed during the forward
    pass, as with weight norm, weight standardisation, spectral norm or pruning, the computed weights are shown. The
    picture has no effect.

    Args:
        inputs: A picture (1, C, H, W) of a size that the model accepts.
        layer: The layer: a submodule, its dotted name, or None for the default.
        filter: The index of the filter, from 0, if the filters have neither 1 nor 3 input channels.

    Returns:
        `(images, info)`: images (M, 3, h, w) in [0, 1]. Zero is mid-grey in RGB images, and white in the others.

    Raises:
        MirrorError: If the layer contains no 2D convolution, or the convolution has no filter with this index.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Kernels
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Conv2d(4, 6, 3))
        >>> Kernels(model)(torch.rand(1, 3, 8, 8), "0")[1]["raw"].shape
        torch.Size([4, 3, 5, 5])
        >>> Kernels(model)(torch.rand(1, 3, 8, 8), "1", filter=5)[1]["raw"].shape
        torch.Size([4, 1, 3, 3])

    References:
        Krizhevsky et al. 2012, “ImageNet Classification with Deep Convolutional Neural Networks”, figure 3.
    """

    look = render.weights
    uses_inputs = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        filter: Annotated[  # noqa: A002 - the field's own word
            int,
            Number(
                "The filter to show if filters have neither 1 nor 3 input channels, as in all but the first layers.",
                min=0,
            ),
        ] = 0,
    ) -> Iterator[Attribution]:
        name, groups, weights = self._weights(inputs, layer)
        filters, channels = weights.shape[:2]
        detail = f"{filters:,} filters" if layer == name else f"the first convolution, `{name}`, {filters:,} filters"
        if channels not in (1, 3):
            if filter >= filters:
                accepted = f"filters 0 to {filters - 1}"
                raise MirrorError(
                    f"filter cannot be {filter}: the layer '{name}' has {accepted}.",
                    culprit=str(filter),
                    accepted=accepted,
                )
            first = filter * groups // filters * channels
            detail += f"; filter {filter}, one image for each of its {channels:,} input channels"
            detail += f" ({first:,} to {first + channels - 1:,} of the layer's input)" if groups > 1 else ""
            yield Attribution(weights[filter][:, None], Info(detail=detail, image=f"filter {filter}, channel"))
        else:
            yield Attribution(weights, Info(detail=detail, image="filter"))

    def _weights(self, inputs: Tensor, layer: str) -> tuple[str, int, Tensor]:
        """Return the name, the number of groups and the weights of the first convolution in `layer`."""
        for name, module in self.view.modules[layer].named_modules(prefix=layer):
            if isinstance(module, nn.Conv2d):
                return name, module.groups, widened(weight_in_use(self.view, inputs[:1], name))
        convolutions = [name for name, module in self.view.modules.items() if isinstance(module, nn.Conv2d)]
        if not convolutions:
            raise MirrorError(
                "Kernels needs a convolution, but this model has none",
                accepted="a convolution",
                hint="choose another visualisation",
            )
        kind = type(self.view.modules[layer]).__name__
        raise MirrorError(
            f"Kernels needs a convolution, and there is none in '{layer}' ({kind})",
            culprit=layer,
            accepted="a convolution",
            hint=f"try '{convolutions[-1]}'",
        )
