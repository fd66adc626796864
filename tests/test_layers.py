"""The tree shows what runs, in the order in which it runs."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torchvision
from torch import nn

from mirror_app import engine, layers
from mirror_app.models import catalogue
from mirror_app.probe import View, default_layer
from tests.families import convnext, swin, vit
from tests.networks import Tricky, resnet18
from tests.refused import refused


def tree_of(model: torch.nn.Module) -> list[layers.Layer]:
    view = View(model)
    with torch.no_grad():
        view.record_calls(torch.zeros(1, 3, 64, 64))
    return layers.tree(model, view.calls, default_layer(view, torch.zeros(1, 3, 64, 64)))


def test_layers_stand_in_the_order_in_which_they_run_not_in_which_they_were_written() -> None:
    names = [layer.name for layer in tree_of(Tricky())]
    assert names == ["", "early", "relu", "late", "list", "list.0", "classifier", "spare"]


def test_a_layer_knows_its_type_shape_weights_and_calls() -> None:
    found = {layer.name: layer for layer in tree_of(Tricky())}
    assert found["late"].call == layers.Call(order=3, times=1, shape=(8, 64, 64))
    assert found["relu"].call == layers.Call(order=2, times=2, shape=(8, 64, 64))
    assert found["late"].weights == 8 * 8 * 9 + 8
    assert found["spare"].call is None
    assert found["list"].call is None
    assert found["list.0"].call is not None
    assert (found["list.0"].parent, found["list.0"].label, found["list.0"].type) == ("list", "0", "Conv2d")
    assert found[""].weights == sum(p.numel() for p in Tricky().parameters())


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet", "mobilenet_v2"])
def test_every_module_stands_in_the_tree_once_after_its_parent(name: str) -> None:
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **options)
    listed = tree_of(model.eval())
    assert sorted(layer.name for layer in listed) == sorted(dict(model.named_modules()))
    seen: set[str] = set()
    for layer in listed:
        assert layer.parent is None or layer.parent in seen
        seen.add(layer.name)
    reached = [layer for layer in listed if layer.call]
    assert [layer.call.order for layer in reached if layer.call] == list(range(len(reached)))


def test_a_layer_is_found_by_name_or_by_module() -> None:
    model = resnet18()
    assert layers.find(model, "layer1.0") == "layer1.0"
    assert layers.find(model, model.get_submodule("layer1.0")) == "layer1.0"
    assert layers.outermost_like(tree_of(model), "layer4.1.conv2") == "layer4"
    assert layers.outermost_like(tree_of(Tricky()), "late") == "late"
    with refused(culprit="layer1.0.conv9", accepted=("layer1.0.conv1", "layer4"), hint="'layer1.0.conv"):
        layers.find(model, "layer1.0.conv9")


@pytest.mark.minutes
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", ["relu", "layer1", "layer2", "layer3", "layer4"]),
        ("vgg11", ["features.1", "features.4", "features.9", "features.14", "features.19", "avgpool"]),
        ("mobilenet_v2", ["features.1", "features.3", "features.6", "features.13", "features"]),
        ("vit_b_32", [f"encoder.layers.encoder_layer_{number}" for number in range(12)]),
    ],
)
def test_a_stage_ends_where_the_maps_change_their_size(name: str, expected: list[str]) -> None:
    model = torchvision.models.get_model(name, weights=None).eval()
    view = View(model)
    side = 224 if name[:3] in ("vgg", "vit") else 64
    with torch.no_grad():
        view.record_calls(torch.zeros(1, 3, side, side))
    assert layers.stages(layers.tree(model, view.calls)) == expected


@pytest.mark.parametrize(
    ("build", "expected"),
    [(partial(vit, 8), "encoder.layers.encoder_layer_6"), (swin, "permute"), (convnext, "features")],
)
def test_a_transformer_begins_where_the_last_places_reach_the_output(
    build: Callable[[], nn.Module], expected: str
) -> None:
    assert layers.default_layer(tree_of(build())) == expected


@pytest.mark.minutes
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ssdlite320_mobilenet_v3_large", "backbone.features.1"),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", "backbone.body.16"),
        ("lraspp_mobilenet_v3_large", "backbone.16"),
    ],
)
def test_what_marks_places_begins_at_the_end_of_its_backbone(name: str, expected: str) -> None:
    assert layers.default_layer(engine.tree(catalogue.load(f"{name}-untrained"))) == expected


def test_a_model_whose_layers_give_no_maps_has_no_stages() -> None:
    listed = tree_of(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 4)))
    assert layers.stages(listed) == []
    assert layers.default_layer(listed) == ""


class Aliased(nn.Module):
    """A layer, and one inside another, with a second name each."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
        self.alias, self.again = self.first, self.block

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = self.block(self.first(inputs)).mean((2, 3))
        return answers


@pytest.mark.parametrize(("second", "first"), [("alias", "first"), ("again", "block"), ("again.0", "block.0")])
def test_a_second_name_of_a_layer_is_as_good_as_its_first(second: str, first: str) -> None:
    model = Aliased()
    assert layers.find(model, second) == View(model).layer_name(second) == first
    with refused(culprit="agains", accepted=["first", "block.0"]):
        layers.find(model, "agains")
