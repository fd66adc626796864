"""Networks that Mirror has never met go through `mirror`: each visualisation gives a picture, or says why it cannot."""

from collections.abc import Callable

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app import engine
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.live.session import Input, PreprocessingOverrides, live_session
from mirror_app.models import Model
from mirror_app.params import Value
from mirror_app.visualisations import registry
from tests.networks import quick, state

PICTURE = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))


class Captioned(nn.Module):
    """A hand-written network: a picture and a sentence's numbers go in, a dictionary comes out; ReLUs are functions."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.eye = nn.ModuleDict({"first": nn.Conv2d(3, 8, 3, padding=1), "then": nn.Conv2d(8, 12, 3, stride=2)})
        self.ear = nn.Linear(5, 12)
        self.heads = nn.ModuleDict({"kind": nn.Linear(12, 4), "place": nn.Linear(12, 2)})

    def forward(self, picture: Tensor, words: Tensor) -> dict[str, object]:
        maps = F.relu(self.eye["then"](F.relu(self.eye["first"](picture), inplace=True)))
        both = maps.mean((2, 3)) * F.relu(self.ear(words))
        return {"maps": maps, "answers": {name: head(both) for name, head in self.heads.items()}}


class Written(nn.Module):
    """The same eye alone, that answers with the logits of four classes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Captioned()

    def forward(self, picture: Tensor) -> Tensor:
        answers = self.inner(picture, torch.ones(len(picture), 5))["answers"]
        logits: Tensor = answers["kind"]
        return logits


def residual() -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model("resnet10t", num_classes=6)
    return net


def transformer() -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model("vit_tiny_patch16_224", num_classes=6, img_size=64, depth=3)
    return net


STRANGERS: dict[str, tuple[Callable[[], nn.Module], Input, str, Value]] = {
    "timm's ResNet": (residual, PICTURE, "layer4", None),
    "timm's ViT": (transformer, PICTURE, "blocks.2.norm1", None),
    "a functional network": (Written, PICTURE, "inner.eye.then", None),
    "two inputs, a dictionary": (Captioned, (PICTURE, torch.ones(5)), "eye.then", ":answers:kind:2"),
}
# Attention needs PyTorch's own layer, CAM a network that ends in an average; with GELU, no ReLU, LRP and Deconvnet are
# not defined, and where the kernels of no convolution are chosen, none are shown. Finer-CAM
# compares classes.
MOST_REFUSED = {"timm's ResNet": 4, "timm's ViT": 4, "a functional network": 5, "two inputs, a dictionary": 6}


@pytest.mark.minutes
@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_looked_at_in_every_way_or_told_why_not(name: str) -> None:
    build, given, layer, target = STRANGERS[name]
    net = build().eval()
    before = state(net)
    made = live_session("abc", [given], net, None, PreprocessingOverrides())
    (model,), (picture,) = made.models.values(), made.pictures
    refused = []
    for entry in registry.entries():
        asked = {"target_class": target} if target is not None and "target_class" in entry.params else {}
        request = Request(model.name, picture.id, layer, entry.key, entry.canonical({**quick(entry), **asked}))
        try:
            result = engine.run(request, model, picture)
        except MirrorError as error:
            refused.append(f"{entry.key}: {error}")
            continue
        assert np.isfinite(result.raw).all(), entry.key
        png = engine.sheet(request, result.raw, model.preprocessing.model_input_rgb(picture)).png
        assert png.startswith(b"\x89PNG"), entry.key
    assert len(refused) <= MOST_REFUSED[name], refused
    assert not any("\n" in text for text in refused)
    assert state(net) == before
    assert engine.predict(model, picture).deviation == 0


def test_what_an_input_holds_beside_the_picture_is_part_of_what_it_is() -> None:
    made = live_session(
        "abc", [(PICTURE, torch.ones(5)), (PICTURE, torch.zeros(5))], Captioned().eval(), None, PreprocessingOverrides()
    )
    one, other = made.pictures
    model: Model = next(iter(made.models.values()))
    assert one.id != other.id
    assert engine.tree(model)
    assert engine.costs(model)
    request = Request(model.name, one.id, "eye.then", "back-prop", (("target_class", ":answers:kind:2"),))
    raws = [engine.run(request, model, picture).raw for picture in (one, other)]
    assert raws[0].any()
    assert not np.array_equal(raws[0], raws[1])
    batched = live_session(
        "abc", [(PICTURE[None], torch.ones(1, 5))], Captioned().eval(), None, PreprocessingOverrides()
    ).pictures[0]
    assert batched.id == one.id
