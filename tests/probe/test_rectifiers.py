"""Rectifiers are guided however they are written, and whatever else is no linear step is refused by name."""

from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app.visualisations.core import Deconvnet, Gradient
from tests.refused import refused

PICTURE = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BOUND = 1e-12


class Net(nn.Module):
    """Two convolutions with a plain ReLU between, then `rectify`, an average and a linear layer."""

    def __init__(self, rectify: object) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 3)
        self.plain, self.rectify = nn.ReLU(), rectify
        self.double().eval()

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.rectify(self.second(self.plain(self.first(inputs))))  # type: ignore[operator]
        scores: Tensor = self.last(maps.mean((2, 3)))
        return scores


def _only_positive(_module: nn.Module, below: Any, _above: Any) -> Any:
    return (below[0].clamp(min=0),)


RECTIFIERS = {
    "relu": torch.relu,
    "relu in place": F.relu_,
    "clamp": lambda maps: maps.clamp(min=0),
    "clamp in place": lambda maps: maps.clamp_(min=0),
    "clamp by a tensor": lambda maps: maps.clamp(min=torch.zeros((), dtype=maps.dtype)),
    "clamp_min": lambda maps: torch.clamp_min(maps, 0),
    "clip": lambda maps: torch.clip(maps, 0.0, None),
    "maximum": lambda maps: torch.maximum(maps, torch.zeros_like(maps)),
    "max": lambda maps: maps.max(torch.zeros((), dtype=maps.dtype)),
    "threshold": lambda maps: F.threshold(maps, 0, 0),
    "leaky relu without a leak": lambda maps: F.leaky_relu(maps, 0.0),
    "where": lambda maps: torch.where(maps > 0, maps, 0.0),
    "where the other way": lambda maps: torch.where(maps <= 0, torch.zeros_like(maps), maps),
    "a mask": lambda maps: maps * (maps > 0),
    "a mask of numbers": lambda maps: (maps > 0).to(maps) * maps,
    "a mask in place": lambda maps: maps.mul_(maps > 0),
    "masked_fill": lambda maps: maps.masked_fill(maps < 0, 0),
    "relu6, unreached": lambda maps: F.relu6(maps),
    "hardtanh, unreached": lambda maps: F.hardtanh(maps, 0, 100),
}


@pytest.mark.parametrize("name", RECTIFIERS)
@pytest.mark.parametrize("kind", [Gradient, Deconvnet])
def test_a_rectifier_is_one_however_it_is_written(kind: type[Gradient], name: str) -> None:
    params = {"guide": True} if kind is Gradient else {}
    theirs = captum.attr.GuidedBackprop if kind is Gradient else captum.attr.Deconvolution
    expected = theirs(Net(nn.ReLU())).attribute(PICTURE.clone().requires_grad_(), target=1)
    found = kind(Net(RECTIFIERS[name]))(PICTURE, "", target_class=1, **params)[1]["raw"]
    assert (found - expected).abs().max() <= BOUND * expected.abs().max()
    assert expected.any()


@pytest.mark.parametrize("bounded", [lambda maps: maps.clamp(0, 0.2), lambda maps: F.hardtanh(maps, 0, 0.2)])
def test_above_a_second_bound_nothing_passes(bounded: object) -> None:
    class Bounded(torch.autograd.Function):
        """The rule by hand: positive gradients pass where the answer lies between the bounds."""

        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, maps: Tensor) -> Tensor:
            ctx.inside = (maps > 0) & (maps < 0.2)  # type: ignore[attr-defined]
            return maps.clamp(0, 0.2)

        @staticmethod
        def backward(ctx: torch.autograd.function.FunctionCtx, slope: Tensor) -> Tensor:
            return slope.clamp(min=0) * ctx.inside  # type: ignore[attr-defined]

    leaf = PICTURE.clone().requires_grad_()
    net = Net(Bounded.apply)
    net.plain.register_full_backward_hook(_only_positive)
    (expected,) = torch.autograd.grad(net(leaf)[0, 1], leaf)
    found = Gradient(Net(bounded))(PICTURE, "", target_class=1, guide=True)[1]["raw"]
    assert (found - expected).abs().max() <= BOUND * expected.abs().max()


STRANGERS = {
    "softsign": (F.softsign, "Abs, a division by an activation"),
    "logsigmoid": (F.logsigmoid, "LogSigmoid"),
    "sine": (torch.sin, "Sin"),
    "square": (torch.square, "Pow"),
    "absolute": (torch.abs, "Abs"),
    "clamp at both sides": (lambda maps: maps.clamp(-1, 1), "Clamp"),
    "clamp elsewhere": (lambda maps: maps.clamp(min=0.1), "Clamp"),
    "hardtanh": (F.hardtanh, "Hardtanh"),
    "hardswish": (F.hardswish, "Hardswish"),
    "a gate": (lambda maps: maps * maps.sigmoid(), "Sigmoid, a product of two activations"),
    "maxout": (lambda maps: torch.maximum(maps, 2 * maps), "Maximum"),
    "where elsewhere": (lambda maps: torch.where(maps > 0.1, maps, 0.0), "Where with a mask"),
    "a mask elsewhere": (lambda maps: maps * (maps > 0.1), "Mul with a mask"),
    "softplus": (F.softplus, "Softplus"),
    "gelu": (F.gelu, "Gelu"),
    "softmax inside": (lambda maps: maps.softmax(1), "Softmax"),
    "exponential": (torch.exp, "Exp"),
    "the larger of a stack": (lambda maps: torch.stack([maps, -maps]).amax(0), "a maximum of several activations"),
    "the larger of the last axis": (
        lambda maps: torch.stack([maps, maps / 10], -1).max(-1).values,
        "a maximum of several activations",
    ),
    "a straight-through rectifier": (lambda maps: maps + (maps.relu() - maps).detach(), "Add with detached values"),
    "an absolute by its sign": (lambda maps: maps * maps.detach().sign(), "Mul with detached values"),
    "a gate without a slope": (lambda maps: maps * maps.data.sigmoid(), "Mul with detached values"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_rectifier_is_refused_by_name(name: str) -> None:
    function, word = STRANGERS[name]
    with refused(culprit=word, accepted="rectifiers", hint="the plain gradient"):
        Gradient(Net(function))(PICTURE, "", target_class=1, guide=True)
    with refused(culprit=word, accepted="rectifiers", hint="the plain gradient"):
        Deconvnet(Net(function))(PICTURE, "", target_class=1)


def test_the_largest_of_all_places_is_no_stranger() -> None:
    def stacked(maps: Tensor) -> Tensor:
        return torch.stack([maps, torch.zeros_like(maps)], -3).relu().amax((-1, -2), keepdim=True)[:, :, 0]

    Gradient(Net(stacked))(PICTURE, "", target_class=1, guide=True)


def test_probabilities_above_the_last_rectifier_are_no_stranger() -> None:
    for head in (nn.LogSoftmax(1), nn.Softmax(1), nn.Sigmoid()):
        leaf = PICTURE.clone().requires_grad_()
        expected = captum.attr.GuidedBackprop(nn.Sequential(Net(nn.ReLU()), head)).attribute(leaf, target=1)
        model = nn.Sequential(Net(torch.relu), head)
        found = Gradient(model)(PICTURE, "", target_class=1, guide=True)[1]["raw"]
        assert (found - expected).abs().max() <= BOUND * expected.abs().max()
