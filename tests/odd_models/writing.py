"""Models that write into their own weights, buffers and attributes as they run."""

from typing import Any

import torch
from torch import Tensor, nn

from tests.odd_models.base import Small

# What changes as it runs, or as its mode is set.


class FitsInTrain(Small):
    def train(self, mode: bool = True) -> "FitsInTrain":
        with torch.no_grad():
            self.head.weight.add_(1)
        return super().train(mode)


class MergesInEval(Small):
    """As LoRA: `eval` adds to the weight, once."""

    merged = False

    def train(self, mode: bool = True) -> "MergesInEval":
        super().train(mode)
        if not mode and not self.merged:
            self.head.weight.data += 1
            self.merged = True
        return self


class TrainReturnsNone(Small):
    def train(self, mode: bool = True) -> None:  # type: ignore[override]
        super().train(mode)


class CountsInABuffer(Small):
    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, inputs: Tensor) -> Any:
        self.seen += 1
        return super().forward(inputs) * self.seen


class WritesByData(Small):
    """A write that no version counter sees."""

    def forward(self, inputs: Tensor) -> Any:
        self.head.weight.data.mul_(1.5)
        return super().forward(inputs)


class Observes(Small):
    """As a quantisation observer: the range so far, in evaluation mode too."""

    low: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(0.0))

    def forward(self, inputs: Tensor) -> Any:
        maps = self.maps(inputs)
        self.low.data = torch.minimum(self.low, maps.min().detach() - 1)
        return self.head((maps - self.low).mean((2, 3)))


class RebindsABuffer(Small):
    average: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros(6))

    def forward(self, inputs: Tensor) -> Any:
        features = self.maps(inputs).mean((2, 3))
        self.average = 0.5 * self.average + features.detach().mean(0)
        return self.head(features - self.average)


class Counts(Small):
    """A plain attribute on which the answer depends."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, inputs: Tensor) -> Any:
        self.calls += 1
        return super().forward(inputs) * self.calls


WRITERS = [
    FitsInTrain,
    MergesInEval,
    TrainReturnsNone,
    CountsInABuffer,
    WritesByData,
    Observes,
    RebindsABuffer,
    Counts,
]

# What writes now and then only: not with one picture and a graph.


class CountsBatches(CountsInABuffer):
    def __init__(self) -> None:
        super().__init__()
        self.seen += 1

    def forward(self, inputs: Tensor) -> Any:
        if len(inputs) > 1:
            self.seen += 1
        return Small.forward(self, inputs) * self.seen


class CountsBatchesByData(CountsBatches):
    def forward(self, inputs: Tensor) -> Any:
        if len(inputs) > 1:
            self.seen.data += 1
        return Small.forward(self, inputs) * self.seen


class KeepsWithoutGraph(CountsBatches):
    """As a cache of features that is kept at inference only."""

    def forward(self, inputs: Tensor) -> Any:
        answer = Small.forward(self, inputs)
        if not torch.is_grad_enabled():
            self.seen.copy_(answer[0, 0])
        return answer + self.seen


class KeepsTheBrightest(CountsBatches):
    """As a quantisation observer: a picture with brighter pixels than any before moves it."""

    def forward(self, inputs: Tensor) -> Any:
        if inputs.max() > self.seen:
            self.seen.copy_(inputs.detach().max())
        return Small.forward(self, inputs / self.seen)


class RebindsWithoutGraph(CountsBatches):
    """A buffer of another shape comes in its place."""

    def forward(self, inputs: Tensor) -> Any:
        if not torch.is_grad_enabled():
            self.seen.data = self.seen.detach().expand(5) + 1
        return Small.forward(self, inputs) * self.seen


NOW_AND_THEN = [CountsBatches, CountsBatchesByData, KeepsWithoutGraph, KeepsTheBrightest, RebindsWithoutGraph]

# Two names for the same numbers, of which one is written and the other read.


class PartOfABuffer(Small):
    flat: Tensor
    part: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("flat", torch.ones(6))
        self.register_buffer("part", self.flat[1:])

    def forward(self, inputs: Tensor) -> Any:
        self.flat.mul_(2)
        return super().forward(inputs) * self.part


class WeightByAnotherName(Small):
    """As tied weights that two modules hold as parameters of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.tied = nn.Parameter(self.head.weight.data.T)

    def forward(self, inputs: Tensor) -> Any:
        self.tied.data.mul_(2)
        return super().forward(inputs)


class TransposedInAList(Small):
    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.ones(5, 2))
        self.rows = [self.table[:, 0], self.table[:, 1]]

    def forward(self, inputs: Tensor) -> Any:
        self.rows[1].data += 1
        return super().forward(inputs) * self.table.T[1]


OVERLAPPING = [PartOfABuffer, WeightByAnotherName, TransposedInAList]
