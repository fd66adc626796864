"""The layer to begin with: it has a map, the answer depends on its places, and it is the same at every door."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from mirror_app import cli, engine, layers
from mirror_app.images import Preprocessing
from mirror_app.models import Model
from mirror_app.probe import View, default_layer
from mirror_app.visualisations.core import Activations, DeepDream, GradCam, Occlusion, Visualisation
from tests.app import page
from tests.families import swin, vit
from tests.modern import TIMM, TRANSFORMERS, of_timm, of_transformers, opening
from tests.networks import Tricky, bundled, densenet, resnet18, squeezenet, state

Build = Callable[[], nn.Module]


class Wrap(nn.Module):
    """Any model inside another, which answers with a dictionary as many training programs have it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {"logits": self.net(inputs)}


class Normalised(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs - 0.5) / 0.25


def small(name: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = timm.create_model(name, num_classes=5, **options)
    return model.eval()


OPENINGS: dict[str, tuple[Build, int, str]] = {
    "ResNet": (resnet18, 64, "layer4"),
    "ResNet in a wrapper": (lambda: Wrap(resnet18()).eval(), 64, "net.layer4"),
    "ResNet in two wrappers": (lambda: Wrap(Wrap(resnet18())).eval(), 64, "net.net.layer4"),
    "ResNet in DataParallel": (lambda: nn.DataParallel(resnet18()).eval(), 64, "module.layer4"),
    "ResNet behind a normalisation": (lambda: nn.Sequential(Normalised(), resnet18()).eval(), 64, "1.layer4"),
    "ResNet at the size of CIFAR": (resnet18, 32, "layer3"),  # layer4 gives one place
    "VGG with norms": (lambda: torchvision.models.vgg11_bn(num_classes=5).eval(), 32, "features.26"),  # the norm
    "DenseNet": (densenet, 64, "features"),
    "SqueezeNet": (squeezenet, 64, "features"),
    "in-place ReLUs": (Tricky, 32, "list.0"),
    "the bundled network": (bundled, 64, "features"),
    "Swin": (swin, 64, "permute"),
    "ViT, 1 block": (partial(vit, 1), 64, "encoder.layers.encoder_layer_0.ln_1"),
    "ViT, 2 blocks": (partial(vit, 2), 64, "encoder.layers.encoder_layer_0"),
    "ViT, 3 blocks": (partial(vit, 3), 64, "encoder.layers.encoder_layer_1"),
    "ViT, 8 blocks": (partial(vit, 8), 64, "encoder.layers.encoder_layer_6"),
    "timm's ViT, 2 blocks": (partial(small, "vit_tiny_patch16_224", img_size=64, depth=2), 64, "blocks.0"),
    "timm's ViT, 4 blocks": (partial(small, "vit_tiny_patch16_224", img_size=64, depth=4), 64, "blocks.2"),
    "timm's EfficientNet": (partial(small, "efficientnet_b0"), 64, "bn2"),
    "MobileNetV3, a head behind the pooling": (partial(small, "mobilenetv3_small_050"), 96, "blocks"),
    "GhostNet": (partial(small, "ghostnet_050"), 96, "blocks"),
    "BiT": (partial(small, "resnetv2_50"), 64, "norm"),
}


@pytest.mark.minutes
@pytest.mark.parametrize("name", OPENINGS)
def test_a_model_begins_at_the_end_of_the_last_stage_that_has_a_map(name: str) -> None:
    build, side, expected = OPENINGS[name]
    model, pictures = build(), torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    before, given = state(model), pictures.clone()
    info = GradCam(model)(pictures)[1]
    assert info["layer"] == expected
    assert info["raw"].any()
    assert state(model) == before
    assert torch.equal(pictures, given)


# With the side of the picture: the end of the stage before the last, where its places are not too fine to dream.
DREAMS: dict[str, tuple[Build, int, str]] = {
    "ResNet": (resnet18, 64, "layer3"),
    "ResNet in a wrapper": (lambda: Wrap(resnet18()).eval(), 64, "net.layer3"),
    "ResNet at the size of CIFAR": (resnet18, 32, "layer2"),
    "VGG with norms": (lambda: torchvision.models.vgg11_bn(num_classes=5).eval(), 64, "features.20"),
    "DenseNet": (densenet, 64, "features.denseblock3"),
    "SqueezeNet": (squeezenet, 224, "features.7"),
    "MobileNetV2": (lambda: torchvision.models.mobilenet_v2(num_classes=5).eval(), 96, "features.13"),
    "the bundled network, whose last stage is as fine as others' before the last": (bundled, 128, "features"),
    "Swin, which moves its axes at the end": (lambda: torchvision.models.swin_t().eval(), 64, "features.5"),
    "Transformers' Swin, with windows in between": (partial(of_transformers, "Swin"), 128, "swin.layernorm"),
    "ViT, of one stage": (partial(vit, 3), 64, "encoder.layers.encoder_layer_1"),
    "without maps": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4)), 8, ""),
}


@pytest.mark.minutes
@pytest.mark.parametrize("name", DREAMS)
def test_a_dream_begins_at_the_end_of_the_stage_before_the_last(name: str) -> None:
    build, side, expected = DREAMS[name]
    model, pictures = build(), torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    before = state(model)
    assert DeepDream(model)(pictures, steps=1, octaves=1)[1]["layer"] == expected
    assert state(model) == before


@pytest.mark.parametrize("kind", [GradCam, DeepDream])
def test_the_page_begins_where_python_does(kind: type[Visualisation]) -> None:
    for build in (resnet18, squeezenet, bundled, partial(vit, 3)):
        preprocessing = Preprocessing(64, 64, (0.5,) * 3, (0.2,) * 3)
        model = Model("a", build(), preprocessing, tuple("abcdefghij"))
        first = default_layer(View(model.module), torch.rand(1, 3, 64, 64), kind.before_last)
        assert layers.default_layer(engine.tree(model), kind.before_last) == first


def test_the_command_line_begins_where_the_page_does(tmp_path: Path) -> None:
    begun, named = tmp_path / "begun.npy", tmp_path / "named.npy"
    words = ["render", "--model", "resnet18-untrained", "--visualisation", "deep-dream", "--param", "steps=1"]
    assert cli.main([*words, "--output", str(begun)]) == 0
    assert cli.main([*words, "--layer", "layer3", "--output", str(named)]) == 0
    assert begun.read_bytes() == named.read_bytes()


def layer_of(test: AppTest) -> str:
    return str(test.session_state.mirror.request.layer)


def choose(test: AppTest, visualisation: str) -> AppTest:
    return next(box for box in test.selectbox if box.label == "Visualisation").set_value(visualisation).run()


@pytest.mark.page
def test_on_the_page_another_visualisation_begins_where_it_does_and_a_chosen_layer_stays() -> None:
    test = page(model="resnet18-untrained", visualisation="activations")
    assert layer_of(test) == "layer4"
    dream = test.switch_page("../pages/dream.py").run()
    assert layer_of(dream) == "layer3"
    assert layer_of(choose(dream, "inverted-representation")) == "layer4"
    assert layer_of(choose(dream, "deep-dream")) == "layer3"
    for layer in ("layer2", "layer4"):
        named = page(model="resnet18-untrained", visualisation="activations", layer=layer)
        assert layer_of(named.switch_page("../pages/dream.py").run()) == ("layer2" if layer == "layer2" else "layer3")
        linked = page("dream", model="resnet18-untrained", visualisation="deep-dream", layer=layer)
        assert layer_of(linked) == layer
        assert layer_of(choose(linked, "inverted-representation")) == layer


@pytest.mark.page
def test_what_is_opened_stays_at_its_layer() -> None:
    def opening() -> None:
        import streamlit as st

        from mirror_app.engine.request import Request
        from mirror_app.ui.sidebar import selection
        from mirror_app.ui.state import session

        request = Request("resnet18-untrained", "checked-heart", "layer4", "deep-dream")
        st.button("Open", on_click=session.choose, args=(request,))
        selection.draw(st.empty(), "explore")

    test = AppTest.from_function(opening, default_timeout=90)
    test.query_params["model"] = "resnet18-untrained"
    assert layer_of(test.run()) == "layer4"  # where Grad-CAM begins
    opened = test.button[0].click().run()
    assert opened.session_state.mirror.request.visualisation == "deep-dream"
    assert layer_of(opened) == "layer4"


def test_a_model_without_maps_begins_at_itself_and_what_needs_no_layer_works() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4))
    assert default_layer(View(model), torch.rand(1, 3, 8, 8)) == ""
    assert Occlusion(model)(torch.rand(1, 3, 8, 8), patch=4, stride=4)[1]["raw"].any()


def test_stages_are_found_inside_wrappers_and_in_shallow_transformers() -> None:
    for model, expected in (
        (Wrap(resnet18()).eval(), ["net.relu", "net.layer1", "net.layer2", "net.layer3", "net.layer4"]),
        (nn.DataParallel(resnet18()).eval(), [f"module.{name}" for name in ("relu", "layer1", "layer2", "layer3")]),
        (small("vit_tiny_patch16_224", img_size=64, depth=2), ["blocks.0", "blocks.1"]),
        (of_transformers("ViT"), [f"vit.layers.{number}" for number in range(3)]),
    ):
        view = View(model)
        with torch.no_grad():
            view.record_calls(torch.zeros(1, 3, 64, 64))
        assert layers.stages(layers.tree(model, view.calls))[: len(expected)] == expected


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_open_at_a_layer_that_works_and_a_patch_is_seen_in_its_cell(name: str) -> None:
    model = of_transformers(name)
    before = state(model)
    assert opening(model, TRANSFORMERS[name][2]).is_right
    assert state(model) == before


@pytest.mark.minutes
@pytest.mark.parametrize("name", ["resnet10t", "edgenext_xx_small", "vit_tiny_patch16_224", "nest_tiny", "pvt_v2_b0"])
def test_timm_opens_at_a_layer_that_works_and_a_patch_is_seen_in_its_cell(name: str) -> None:
    assert opening(of_timm(name), TIMM[name]).is_right


def test_activations_and_grad_cam_begin_at_the_same_layer() -> None:
    pictures = torch.rand(1, 3, 64, 64)
    for build in (resnet18, partial(vit, 3), swin):
        assert Activations(build())(pictures)[1]["layer"] == GradCam(build())(pictures)[1]["layer"]
