"""Models that catch errors, hook their layers, are compiled in part, use sparse tensors or draw random numbers."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from tests.odd_models.base import Small

# What catches whatever is raised in its forward.


class FallsBack(Small):
    def forward(self, inputs: Tensor) -> Any:
        try:
            return super().forward(inputs)
        except Exception:
            return inputs.new_zeros(len(inputs), 5)


class FallsBackOnAnything(Small):
    def forward(self, inputs: Tensor) -> Any:
        try:
            return super().forward(inputs)
        except:  # noqa: E722 - what this stranger does wrong
            return inputs.new_zeros(len(inputs), 5)


class Suppresses(Small):
    def forward(self, inputs: Tensor) -> Any:
        answer = inputs.new_zeros(len(inputs), 5)
        with suppress(Exception):
            answer = super().forward(inputs)
        return answer


class TriesAgain(Small):
    """As what retries with a smaller size when memory runs out."""

    def forward(self, inputs: Tensor) -> Any:
        for factor in (1, 0.5, 0.25):
            try:
                return super().forward(inputs * factor)
            except Exception:
                continue
        return inputs.new_zeros(len(inputs), 5)


class TriesAgainWhatever(Small):
    def forward(self, inputs: Tensor) -> Any:
        try:
            return super().forward(inputs)
        except:  # noqa: E722 - what this stranger does wrong
            return super().forward(inputs * 0.5)


CATCHERS = [FallsBack, FallsBackOnAnything, Suppresses, TriesAgain, TriesAgainWhatever]

# What hooks its layers as it runs, and takes the hooks away at its end.


class HooksALayer(Small):
    def forward(self, inputs: Tensor) -> Any:
        handle = self.conv.register_forward_hook(lambda _module, _inputs, output: output * 2)
        answer = super().forward(inputs)
        handle.remove()
        return answer


class HooksWhatComesBefore(Small):
    def forward(self, inputs: Tensor) -> Any:
        handle = self.first.register_forward_pre_hook(lambda _module, inputs: (inputs[0] * 2,))
        answer = super().forward(inputs)
        handle.remove()
        return answer


class HooksWithKeywords(Small):
    """With a hook of PyTorch's containers, that is in two dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(self.conv)  # type: ignore[assignment]

    def forward(self, inputs: Tensor) -> Any:
        handle = self.conv.register_forward_hook(lambda _module, _inputs, _named, output: output * 2, with_kwargs=True)
        answer = super().forward(inputs)
        handle.remove()
        return answer


class HookedOnce(Small):
    """A hook that removes itself: the caller's model still has it."""

    def __init__(self) -> None:
        super().__init__()
        handles: list[RemovableHandle] = []
        handles.append(self.conv.register_forward_hook(lambda *_: handles[0].remove()))


class RemovesItsHook(Small):
    def __init__(self) -> None:
        super().__init__()
        self.handle = self.conv.register_forward_hook(lambda _module, _inputs, output: output * 2)

    def forward(self, inputs: Tensor) -> Any:
        answer = super().forward(inputs)
        self.handle.remove()
        return answer


HOOKING = [HooksALayer, HooksWhatComesBefore, HooksWithKeywords, HookedOnce, RemovesItsHook]

# Compiled in part.


def forward_is_compiled() -> nn.Module:
    model = Small()
    model.forward = torch.compile(model.forward, backend="eager")  # type: ignore[method-assign]
    return model


class CompiledForward(Small):
    @torch.compile(backend="eager")
    def forward(self, inputs: Tensor) -> Any:
        return Small.forward(self, inputs)


class CompiledPart(Small):
    @torch.compile(backend="eager")
    def maps(self, inputs: Tensor) -> Tensor:
        return Small.maps(self, inputs)


def a_compiled_layer() -> nn.Module:
    model = Small()
    model.conv = torch.compile(model.conv, backend="eager")  # type: ignore[assignment]
    return model


class HoldsACompiledFunction(Small):
    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.compile(lambda maps: maps.mean((2, 3)), backend="eager")

    def forward(self, inputs: Tensor) -> Any:
        return self.head(self.mean(self.maps(inputs)))


COMPILED = [forward_is_compiled, CompiledForward, CompiledPart, a_compiled_layer, HoldsACompiledFunction]

# Tensors that are not strided.


class SparseGraph(Small):
    links: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("links", self.made(torch.eye(5) + torch.diag(torch.ones(4), 1)))

    def made(self, links: Tensor) -> Tensor:
        return links.to_sparse()

    def forward(self, inputs: Tensor) -> Any:
        return (self.links @ super().forward(inputs).T).T


class CompressedGraph(SparseGraph):
    def made(self, links: Tensor) -> Tensor:
        return links.to_sparse_csr()


class SparseConstant(SparseGraph):
    """Beside the buffers."""

    def __init__(self) -> None:
        super().__init__()
        links = self.links
        del self.links
        self.links = links


SPARSE = [SparseGraph, CompressedGraph, SparseConstant]

# What draws random numbers.


class DropsOut(Small):
    def forward(self, inputs: Tensor) -> Any:
        return self.head(F.dropout(self.maps(inputs).mean((2, 3)), 0.5, training=True))


class Draws(Small):
    """`made` gives the generator, and `drawn` a number from it."""

    def __init__(self, made: Callable[[], Any], drawn: Callable[[Any], float]) -> None:
        super().__init__()
        self.generator, self.drawn = made(), drawn

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs * (1 + self.drawn(self.generator)))


DRAWING: list[Callable[[], nn.Module]] = [
    DropsOut,
    lambda: Draws(lambda: torch.Generator().manual_seed(3), lambda own: float(torch.rand(1, generator=own))),
    lambda: Draws(lambda: np.random.default_rng(3), lambda own: float(own.random())),
    lambda: Draws(lambda: np.random.RandomState(3), lambda own: float(own.rand())),
    lambda: Draws(lambda: random.Random(3), lambda own: float(own.random())),
    lambda: Draws(lambda: None, lambda _: random.random()),
    lambda: Draws(lambda: None, lambda _: float(np.random.rand())),
    lambda: Draws(lambda: None, lambda _: float(torch.rand(1))),
]
