"""One network of each family, with random weights, in double precision, and how to read the maps of one layer of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import vgg

from tests.networks import bundled, densenet, resnet18, squeezenet


def plain_vgg() -> nn.Module:
    torch.manual_seed(5)
    features = vgg.make_layers([16, "M", 32, "M", 64, 64, "M", 128, 128, "M", 128, 128, "M"])
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(128 * 9, 10)).eval()


def mobilenet() -> nn.Module:
    torch.manual_seed(6)
    return torchvision.models.mobilenet_v3_small(num_classes=10, width_mult=0.5).eval()


def convnext() -> nn.Module:
    torch.manual_seed(7)
    setting = torchvision.models.convnext.CNBlockConfig
    blocks = [setting(16, 32, 1), setting(32, 48, 2), setting(48, None, 2)]
    return torchvision.models.ConvNeXt(blocks, layer_scale=1.0, num_classes=10).eval()


def vit(layers: int = 3) -> nn.Module:
    torch.manual_seed(8)
    model = torchvision.models.VisionTransformer(64, 16, layers, 4, 32, 64, num_classes=10)
    nn.init.normal_(model.heads.head.weight)  # torchvision starts with zeros
    return model.eval()


def swin() -> nn.Module:
    torch.manual_seed(9)
    return torchvision.models.SwinTransformer([4, 4], 24, [2, 2], [3, 6], [4, 4], num_classes=10).eval()


def maxvit() -> nn.Module:
    torch.manual_seed(10)
    return torchvision.models.MaxVit((64, 64), 16, 4, [24, 32], [1, 1], 8, 0.0, num_classes=10).eval()


class Tokens(nn.Module):
    """A transformer without attention, for pictures of any size: patches of 8 behind a number of other tokens."""

    def __init__(self, prefix: int = 1) -> None:
        super().__init__()
        torch.manual_seed(11)
        self.patches = nn.Conv2d(3, 6, 8, 8)
        self.extra = nn.Parameter(torch.randn(1, prefix, 6))
        self.block = nn.Linear(6, 6)
        self.head = nn.Linear(6, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = self.patches(inputs).flatten(2).mT
        tokens = torch.cat([self.extra.expand(len(tokens), -1, -1), tokens], 1)
        return self.head(self.block(tokens).relu().mean(1))


@dataclass(frozen=True)
class Family:
    """A network, one of its layers, and the maps (N, C, h, w) in that layer's output, written out by hand."""

    build: Callable[[], nn.Module]
    layer: str
    maps: Callable[[Tensor], Tensor] = lambda output: output
    size: tuple[int, int] = (64, 48)

    @property
    def model(self) -> nn.Module:
        return _built(self.build)

    @property
    def pictures(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(2, 3, *self.size, generator=generator, dtype=torch.float64)

    def __str__(self) -> str:
        return f"{self.build.__name__}-{self.layer}"


@cache
def _built(build: Callable[[], nn.Module]) -> nn.Module:
    return build().double()


def _channels_last(output: Tensor) -> Tensor:
    return output.permute(0, 3, 1, 2)


def _behind_class_token(output: Tensor) -> Tensor:
    return output[:, 1:].reshape(len(output), 4, 4, -1).permute(0, 3, 1, 2)


# No layer here is followed by an in-place operation: the references would read what that has written.
CONVOLUTIONAL = [
    Family(resnet18, "layer4"),
    Family(resnet18, "layer2"),
    Family(squeezenet, "features.12"),
    Family(plain_vgg, "0.19"),
    Family(densenet, "features.denseblock3"),
    Family(mobilenet, "features.12"),
    Family(convnext, "features.3"),
    Family(bundled, "features"),
    Family(bundled, "features.4"),
]
TRANSFORMERS = [
    Family(vit, "encoder.layers.encoder_layer_1.ln_2", _behind_class_token, (64, 64)),
    Family(vit, "encoder.layers.encoder_layer_2.ln_1", _behind_class_token, (64, 64)),
    Family(swin, "features.1", _channels_last),
    Family(swin, "features.3", _channels_last),
    Family(swin, "permute"),
    Family(maxvit, "blocks.1", size=(64, 64)),
]
FAMILIES = CONVOLUTIONAL + TRANSFORMERS
