"""Every visualisation declares truthfully whether its result depends on the layer."""

from typing import Any

import pytest
import torch
from torch import nn

from mirror_app.visualisations import registry
from tests.families import vit
from tests.networks import ATTENTION, quick, resnet18

pytestmark = pytest.mark.minutes

PICTURE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
TRANSFORMER_LAYERS = ("encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_2")
CONVOLUTIONAL_LAYERS = ("layer1", "layer2")


def raw_at(entry: registry.Entry, model: nn.Module, layer: str) -> torch.Tensor:
    params: dict[str, Any] = quick(entry)
    if entry.key == "lrp":
        params["at"] = "the layer"
    raw: torch.Tensor = entry.kind(model)(PICTURE, layer, **params)[1]["raw"]
    return raw


@pytest.mark.parametrize(
    # CAM is defined at one layer only: at another it raises an error.
    "entry",
    [entry for entry in registry.entries() if entry.key != "cam"],
    ids=lambda entry: entry.key,
)
def test_the_result_depends_on_the_layer_exactly_if_the_visualisation_says_so(entry: registry.Entry) -> None:
    model, layers = (vit(), TRANSFORMER_LAYERS) if entry.key in ATTENTION else (resnet18(), CONVOLUTIONAL_LAYERS)
    earlier, later = (raw_at(entry, model, layer) for layer in layers)
    assert torch.equal(earlier, later) is not entry.kind.uses_layer
