"""Networks with random weights, for tests that need one of a kind."""

from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, ResNet

import mirror_app.visualisations.core  # noqa: F401 - fills the registry
from mirror_app.params import Number, Value
from mirror_app.visualisations import registry


class NarrowResNet(ResNet):  # type: ignore[misc]
    """ResNet-18 with a quarter of the channels behind its stem: the same layers, and a twelfth of the work."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.fc = nn.Linear(128, 10)

    def _make_layer(self, block: type[Any], planes: int, *args: Any, **kwargs: Any) -> nn.Sequential:
        return super()._make_layer(block, planes // 4, *args, **kwargs)


def resnet18() -> nn.Module:
    torch.manual_seed(2)
    return NarrowResNet().eval()


def squeezenet() -> nn.Module:
    torch.manual_seed(1)
    model: nn.Module = torchvision.models.squeezenet1_1(num_classes=10)
    return model.eval()


def densenet() -> nn.Module:
    """A DenseNet that is small, and ends in few maps: Score-CAM needs a forward pass for each."""
    torch.manual_seed(2)
    model: nn.Module = torchvision.models.DenseNet(8, (2, 3, 12, 3), 16, num_classes=10)
    return model.eval()


class Linear(nn.Module):
    """Average of the maps of a 1 x 1 convolution, weighted: every method has a closed form here."""

    def __init__(self, channels: int = 3, maps: int = 4, classes: int = 2) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.maps = nn.Conv2d(channels, maps, 1, bias=False)
        self.classifier = nn.Linear(maps, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.maps(inputs).mean((2, 3)))
        return scores


class Tricky(nn.Module):
    """What other tools stumble over: a ReLU used twice, functional and in-place ones, and a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.spare = nn.Conv2d(3, 3, 1)
        self.late = nn.Conv2d(8, 8, 3, padding=1)
        self.early = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.list = nn.ModuleList([nn.Conv2d(8, 8, 1)])
        self.classifier = nn.Linear(8, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.relu(self.early(inputs))
        maps = self.late(maps)
        maps += 0.1
        maps = self.relu(maps)
        maps = F.relu(self.list[0](maps), inplace=True)
        scores: Tensor = self.classifier(maps.mean((2, 3)))
        return scores


class Functional(nn.Module):
    """`Tricky` written with functions only, on the same weights."""

    def __init__(self, tricky: Tricky) -> None:
        super().__init__()
        self.tricky = tricky

    def forward(self, inputs: Tensor) -> Tensor:
        net = self.tricky
        maps = F.relu(net.late(F.relu(net.early(inputs))) + 0.1)
        scores: Tensor = net.classifier(F.relu(net.list[0](maps)).mean((2, 3)))
        return scores


def state(model: nn.Module) -> list[object]:
    """Everything that must stay the same in a model that was looked at, down to the bytes of its weights."""
    found: list[object] = []
    for name, module in model.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
        found += [name, module.training, getattr(module, "inplace", None), *(tuple(kind) for kind in hooks)]
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        found += [name, id(tensor), tensor.requires_grad, tensor.grad is None, tensor._version]
        found.append(tensor.detach().numpy().tobytes())
    return found


# What is refused on the convolutional networks here, with a reason: each has tests of its own.
ATTENTION = ("attention", "attention-rollout", "legrad", "attention-relevance")
CHOOSY = ("cam", *ATTENTION)
ANYWHERE = [entry for entry in registry.entries() if entry.key not in CHOOSY]
# What explains any target. Finer-CAM compares classes.
TARGETED = [entry for entry in ANYWHERE if "target_class" in entry.params and entry.key != "finer-cam"]


def quick(entry: registry.Entry) -> dict[str, Value]:
    """Parameters with which a visualisation that takes many samples or steps takes as few as it may."""
    numbers = {name: entry.method_params.get(name) for name in ("n", "steps")}
    return {name: max(2, int(number.min)) for name, number in numbers.items() if isinstance(number, Number)}


def bundled() -> nn.Module:
    from mirror_app.models import catalogue

    return catalogue.load("shapes").module
