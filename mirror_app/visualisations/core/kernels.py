"""What a layer has learned to look for, before any picture: its weights."""

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor, nn

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.params import Number
from mirror_app.precision import widened
from mirror_app.probe.weight_in_use import weight_in_use
from mirror_app.visualisations.core.base import Attribution, Visualisation
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

    Filters that look at 3 channels, as those of a first layer do, are shown in colour, (filters, 3, h, w), and those
    that look at one channel in grey, (filters, 1, h, w). Of the others one filter is shown, channel by channel:
    (channels, 1, h, w). Of a convolution in groups, a filter looks at the channels of its group alone. A layer that
    holds others stands for the first convolution in it. No picture is needed. Where the weights are made as the layer
    runs, as by weight norm, weight standardisation, spectral norm or pruning, those that it runs with are shown.
    """

    look = staticmethod(render.weights)
    uses_inputs = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        filter: Annotated[  # noqa: A002 - the field's own word
            int,
            Number(
                "Which filter to show when there is no room for all: those of deep layers have many channels.",
                min=0,
            ),
        ] = 0,
    ) -> Iterator[Attribution]:
        name, groups, weights = self._weights(inputs, layer)
        filters, channels = weights.shape[:2]
        detail = f"{filters:,} filters" if layer == name else f"the first convolution, `{name}`, {filters:,} filters"
        if channels not in (1, 3):
            if filter >= filters:
                raise MirrorError(f"filter cannot be {filter}: the layer '{name}' has filters 0 to {filters - 1}.")
            first = filter * groups // filters * channels
            detail += f", of which filter {filter}, for each of its {channels:,} channels"
            detail += f", {first:,} to {first + channels - 1:,} of the layer's input" if groups > 1 else ""
            yield Attribution(weights[filter][:, None], {"detail": detail, "image": f"filter {filter}, channel"})
        else:
            yield Attribution(weights, {"detail": detail, "image": "filter"})

    def _weights(self, inputs: Tensor, layer: str) -> tuple[str, int, Tensor]:
        """Return the first convolution in `layer`: its name, in how many groups it is, and its weights."""
        for name, module in self.view.modules[layer].named_modules(prefix=layer):
            if isinstance(module, nn.Conv2d):
                return name, module.groups, widened(weight_in_use(self.view, inputs[:1], name))
        lacking = f"Kernels needs a convolution, and there is none in '{layer}'"
        found = [name for name, module in self.view.modules.items() if isinstance(module, nn.Conv2d)]
        if not found:
            raise MirrorError(f"{lacking}, nor in the whole model: choose another visualisation.")
        raise MirrorError(f"{lacking} ({type(self.view.modules[layer]).__name__}): try '{found[-1]}'.")
