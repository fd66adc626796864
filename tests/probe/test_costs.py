"""What layers cost, how far they see, and how data flows: against the literature, by hand, and on the gradient."""

import importlib
import re
import time
from itertools import pairwise

import pytest
import torch
import torchvision
from torch import Tensor, nn

from mirror_app import layers
from mirror_app.layers import Layer
from mirror_app.models import catalogue
from mirror_app.probe import PICTURE, View, costs, default_layer, flow
from mirror_app.ui.architecture import diagram
from mirror_app.ui.architecture.costliest import costliest
from tests.app import page
from tests.networks import Tricky, densenet, resnet18, squeezenet

BLANK = torch.zeros(1, 3, 224, 224)


def listed(model: nn.Module, inputs: Tensor = BLANK) -> tuple[View, list[Layer]]:
    view = View(model)
    with torch.no_grad():
        view.record_calls(inputs)
    return view, layers.tree(model, view.calls)


@pytest.mark.minutes
@pytest.mark.parametrize(
    ("build", "multiply_adds", "layer", "field"),
    [  # torchvision's own table of operations; Araujo et al. 2019, where the layers are the same
        (torchvision.models.alexnet, 0.714e9, "features", 195),
        (torchvision.models.vgg16, 15.47e9, "features", 212),
        (torchvision.models.resnet18, 1.814e9, "layer4", 435),
        (torchvision.models.resnet50, 4.089e9, "layer4", 427),
        (torchvision.models.mobilenet_v2, 0.301e9, "features", 491),
        (torchvision.models.vit_b_32, 4.409e9, "conv_proj", 32),
    ],
)
def test_multiply_adds_and_receptive_fields_are_those_of_the_literature(
    build: type[nn.Module], multiply_adds: float, layer: str, field: int
) -> None:
    found = costs(View(build(weights=None).eval()), BLANK)
    assert found[""].multiply_adds == pytest.approx(multiply_adds, rel=2e-3)
    assert found[layer].receptive_field == (field, field)


def test_a_receptive_field_is_where_the_gradient_of_one_place_is_not_zero() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, (3, 5), stride=(2, 1), padding=2, dilation=(2, 1)), nn.AvgPool2d((2, 3)), nn.Conv2d(4, 2, 3)
    )
    inputs = torch.randn(1, 1, 90, 70)
    for layer, cost in costs(View(model), inputs).items():
        leaf = inputs.clone().requires_grad_()
        maps = model[: int(layer) + 1](leaf) if layer else model(leaf)
        (gradient,) = torch.autograd.grad(maps[0, 0, maps.shape[2] // 2, maps.shape[3] // 2], leaf)
        touched = gradient[0, 0].nonzero()
        assert tuple((touched.amax(0) - touched.amin(0) + 1).tolist()) == cost.receptive_field


def test_what_sees_the_whole_picture_has_no_receptive_field_and_weights_widen_none() -> None:
    found = costs(View(resnet18()), BLANK)
    assert found["avgpool"].receptive_field is None
    assert found[""].receptive_field is None
    assert found["conv1"].receptive_field == (7, 7)
    assert found["conv1"].bytes == 64 * 112 * 112 * 4
    assert sum(found[name].multiply_adds for name in ("conv1", "layer1", "layer2", "layer3", "layer4", "fc")) == (
        found[""].multiply_adds
    )
    assert all(0 <= cost.seconds <= found[""].seconds for cost in found.values())


class Warming(nn.Module):
    """Slow when it is called for the first few times, as much is."""

    left = 0  # of the slow calls: in the class, since what a forward pass writes into a module is taken back

    def __init__(self, calls: int) -> None:
        super().__init__()
        Warming.left = calls

    def forward(self, inputs: Tensor) -> Tensor:
        time.sleep(0.05 if Warming.left > 0 else 0.001)
        Warming.left -= 1
        return inputs


def test_the_time_of_a_layer_is_that_of_a_pass_that_nothing_held_up() -> None:
    found = costs(View(nn.Sequential(Warming(3), nn.ReLU(), nn.Sequential(nn.ReLU()))), torch.zeros(1, 3, 4, 4))
    assert 0.001 <= found["0"].seconds < 0.05
    assert found["0"].seconds <= found[""].seconds < 0.05
    assert found["2.0"].seconds <= found["2"].seconds


def test_a_slow_model_is_not_timed_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("mirror_app.probe.costs"), "TIME_BUDGET", 0.01)
    view = View(Warming(100))
    costs(view, torch.zeros(1, 3, 4, 4))
    assert Warming.left == 100 - 3  # one is watched, one is counted, one is timed


def test_a_layer_that_runs_twice_takes_both_times() -> None:
    shared = Warming(0)
    found = costs(View(nn.Sequential(shared, nn.ReLU(), shared)), torch.zeros(1, 3, 4, 4))
    assert 0.002 <= found["0"].seconds <= found[""].seconds


def test_data_flows_past_a_residual_branch_and_through_functions() -> None:
    block = "layer1.0"
    names = [f"{block}.{name}" for name in ("conv1", "bn1", "conv2", "bn2")]
    assert set(flow(View(resnet18()), BLANK, [*names, "layer1.1", "maxpool"])) == {
        (PICTURE, "maxpool"),
        ("maxpool", names[0]),
        *pairwise(names),
        (names[-1], "layer1.1"),
        ("maxpool", "layer1.1"),  # the residual branch
    }
    model = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True), nn.Dropout())
    assert flow(View(model), BLANK, "012") == [(PICTURE, "0"), ("0", "1"), ("1", "2")]


@pytest.mark.parametrize("build", [resnet18, squeezenet, densenet, Tricky])
@pytest.mark.parametrize("deep", [False, True])
def test_the_boxes_hold_each_layer_that_runs_once(build: type[nn.Module], deep: bool) -> None:
    inputs = torch.zeros(1, 3, 64, 64)
    view, found = listed(build(), inputs)
    chosen = max(found, key=lambda layer: layer.depth).name if deep else default_layer(view, inputs)
    boxes = diagram.visible_boxes(found, chosen)
    parents = {layer.parent for layer in found}
    for layer in found:
        if layer.name not in parents and layer.call:
            assert sum(layer.name == box or layer.name.startswith(f"{box}.") for box in boxes) == 1
    assert chosen in boxes or any(box.startswith(f"{chosen}.") for box in boxes)
    drawn = diagram.to_dot(found, boxes, flow(view, inputs, boxes), chosen, {})
    assert drawn.count("{") == drawn.count("}")
    assert drawn.count("[label=") == len(boxes)
    assert view.is_unchanged()


def test_the_boxes_are_tinted_by_their_shares_of_the_time() -> None:
    _, found = listed(resnet18())
    shares = {"conv1": 0.2, "bn1": 0.041, "layer1": 0.119, "fc": 0.0}
    drawn = diagram.to_dot(found, list(shares), [], "bn1", shares)
    classes = dict(re.findall(r'"(\w+)" \[label=.*; class="(.*)"\]', drawn))
    assert classes == {"conv1": "tint-4", "bn1": "tint-1 chosen", "layer1": "tint-2", "fc": "tint-0"}


def test_the_costliest_layers_are_leaves_and_their_shares_are_of_the_whole() -> None:
    view, found = listed(resnet18())
    measured = costs(view, BLANK)
    slowest, heaviest, largest = costliest(found, measured)
    parents = {layer.parent for layer in found}
    assert not {slowest.layer, heaviest.layer, largest.layer} & parents
    leaves = [name for name in measured if name not in parents]
    assert measured[slowest.layer].seconds == max(measured[name].seconds for name in leaves)
    assert heaviest.share == measured[heaviest.layer].multiply_adds / measured[""].multiply_adds
    weights = {name: parameter.numel() for name, parameter in resnet18().named_parameters()}
    assert f"{largest.layer}.weight" == max(weights, key=weights.__getitem__) == "layer4.0.conv2.weight"
    assert largest.share == max(weights.values()) / sum(weights.values())
    view, found = listed(nn.Sequential(nn.ReLU()))
    assert [each.title for each in costliest(found, costs(view, BLANK))] == ["Most time"]


def test_of_a_dense_block_the_arrows_from_the_nearest_are_drawn_and_of_others_all() -> None:
    block = "features.denseblock3"
    view, found = listed(densenet(), torch.zeros(1, 3, 64, 64))
    boxes = diagram.visible_boxes(found, block)
    edges = flow(view, torch.zeros(1, 3, 64, 64), boxes)
    assert diagram.is_crowded(boxes, edges)
    drawn = diagram.nearest_edges(boxes, edges)
    assert set(drawn) <= set(edges)
    assert sorted(taker for _, taker in drawn) == sorted({taker for _, taker in edges})
    dense = [box for box in boxes if box.startswith(f"{block}.")]
    assert set(pairwise(dense)) <= set(drawn)
    view, found = listed(resnet18())
    boxes = diagram.visible_boxes(found, "layer1.0")
    assert not diagram.is_crowded(boxes, flow(view, BLANK, boxes))


@pytest.mark.page
def test_the_architecture_page_shows_the_layers_and_what_they_cost() -> None:
    test = page("architecture", model="resnet18-untrained", layer="layer2")
    assert not test.exception
    assert not test.error
    (table,) = test.dataframe
    assert table.value["layer"].tolist()[:3] == ["resnet18-untrained", "conv1", "bn1"]
    assert table.value["receptive field"].tolist()[1] == 7
    assert "11.7 M weights" in test.caption[0].value
    assert '"cluster layer2"' in test.get("graphviz_chart")[0].proto.spec
    assert catalogue.load("shapes").module.training is False
