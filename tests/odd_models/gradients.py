"""Models in which gradients end, are computed again, or are taken in the forward pass."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tests.odd_models.base import Small

# Where gradients end.


class NoGradBackbone(Small):
    def forward(self, inputs: Tensor) -> Any:
        with torch.no_grad():
            maps = self.first(inputs).relu()
        return self.head(self.conv(maps).relu().mean((2, 3)))


class NoGradBranch(Small):
    """Half of the answer has a gradient: a map of it alone would be plausible, and wrong."""

    def forward(self, inputs: Tensor) -> Any:
        with torch.no_grad():
            blind = self.maps(inputs).mean((2, 3))
        return self.head(blind + self.maps(inputs).mean((2, 3)))


class NoGradAtAll(Small):
    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs)


class InferenceInside(Small):
    def forward(self, inputs: Tensor) -> Any:
        with torch.inference_mode():
            maps = self.first(inputs).relu()
        return self.head(self.conv(maps.clone()).relu().mean((2, 3)))


class Reentrant(Small):
    def forward(self, inputs: Tensor) -> Any:
        maps = checkpoint(self.maps, inputs, use_reentrant=True)
        return self.head(maps.mean((2, 3)))


BLIND = [NoGradBackbone, NoGradBranch, NoGradAtAll, Reentrant]

# Blocks that are computed again in the backward pass.


class Checkpointed(Small):
    def forward(self, inputs: Tensor) -> Any:
        return self.head(checkpoint(self.maps, inputs, use_reentrant=False).mean((2, 3)))


class ByAFlag(Small):
    """As timm's and Transformers' models."""

    def __init__(self) -> None:
        super().__init__()
        self.grad_checkpointing = True

    def forward(self, inputs: Tensor) -> Any:
        run = partial(checkpoint, self.maps, use_reentrant=True) if self.grad_checkpointing else self.maps
        return self.head(run(inputs).mean((2, 3)))


class CustomFunction(Small):
    """A function of autograd's own, whose forward runs without a graph."""

    class Swish(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, inputs: Tensor) -> Tensor:
            ctx.save_for_backward(inputs)
            return inputs * inputs.sigmoid()

        @staticmethod
        def backward(ctx: Any, slope: Tensor) -> Tensor:
            (inputs,) = ctx.saved_tensors
            share = inputs.sigmoid()
            return slope * share * (1 + inputs * (1 - share))

    def forward(self, inputs: Tensor) -> Any:
        maps: Tensor = self.Swish.apply(self.conv(self.first(inputs).relu()))
        return self.head(maps.mean((2, 3)))


RECOMPUTED = [Checkpointed, ByAFlag, CustomFunction]

# What takes gradients in its own forward pass.


class FollowsAnEnergy(Small):
    """A step down the energy first, then the answer."""

    def forward(self, inputs: Tensor) -> Any:
        with torch.enable_grad():
            moved = inputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(super().forward(moved)[:, 0].sum(), moved)
        return super().forward(inputs - 0.1 * slope)


class StepsAgainstItself(Small):
    """An adversarial step by the sign of the gradient."""

    def forward(self, inputs: Tensor) -> Any:
        with torch.enable_grad():
            moved = inputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(super().forward(moved).amax(1).sum(), moved)
        return super().forward(inputs + 0.1 * slope.sign())


class AnswersWithASlope(Small):
    """As a force, which is the slope of an energy."""

    def forward(self, inputs: Tensor) -> Any:
        with torch.enable_grad():
            maps = self.maps(inputs)
            maps = maps if maps.requires_grad else maps.detach().requires_grad_()
            (slope,) = torch.autograd.grad(maps.pow(3).sum(), maps, create_graph=True)
        return self.head(slope.mean((2, 3)))


TAKING_GRADIENTS = [FollowsAnEnergy, StepsAgainstItself, AnswersWithASlope]


class SharpensItself(Small):
    """As test-time adaptation: it goes down the entropy of its answer."""

    @torch.enable_grad()
    def forward(self, inputs: Tensor) -> Any:
        answer = super().forward(inputs)
        answer.softmax(1).max().backward()
        return answer


class AddsGradients(Small):
    @torch.enable_grad()
    def forward(self, inputs: Tensor) -> Any:
        answer = super().forward(inputs.detach())
        torch.autograd.backward([answer.sum()])
        return answer


class AddsLinearGradients(Small):
    @torch.enable_grad()
    def forward(self, inputs: Tensor) -> Any:
        maps = self.maps(inputs).detach()
        self.head(maps.mean((2, 3))).sum().backward()
        return super().forward(inputs)


CALLING_BACKWARD = [SharpensItself, AddsGradients, AddsLinearGradients]
