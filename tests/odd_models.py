"""Models of people who did not think of Mirror: they keep, write, couple and close over what they please."""

import random
import threading
import weakref
from collections import Counter, UserDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.hooks import RemovableHandle


class Small(nn.Module):
    """Two convolutions, an average and a linear layer, for members of a kind to build on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(20)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.conv = nn.Conv2d(4, 6, 3, padding=1)
        self.head = nn.Linear(6, 5)

    def maps(self, inputs: Tensor) -> Tensor:
        return self.conv(self.first(inputs).relu()).relu()

    def forward(self, inputs: Tensor) -> Any:
        return self.head(self.maps(inputs).mean((2, 3)))


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

# What keeps everything that passes.


class KeepsInAList(Small):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Any:
        self.kept.append(inputs)
        return super().forward(inputs)


class KeepsInItsClass(Small):
    kept: list[Tensor] = []  # noqa: RUF012 - what this stranger does wrong

    def forward(self, inputs: Tensor) -> Any:
        self.kept.append(inputs)
        return super().forward(inputs)


class _Recorder:
    def __init__(self) -> None:
        self.kept: list[Tensor] = []

    def __call__(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self.kept.append(output)

    def keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self.kept.append(output)


def kept_by_a_closure() -> tuple[nn.Module, list[Tensor]]:
    model, kept = Small(), list[Tensor]()
    model.conv.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    return model, kept


def kept_by_an_object() -> tuple[nn.Module, list[Tensor]]:
    model, recorder = Small(), _Recorder()
    model.conv.register_forward_hook(recorder.keep)
    return model, recorder.kept


def kept_by_a_callable() -> tuple[nn.Module, list[Tensor]]:
    model, recorder = Small(), _Recorder()
    model.conv.register_forward_hook(recorder)
    return model, recorder.kept


def kept_in_a_list() -> tuple[nn.Module, list[Tensor]]:
    model = KeepsInAList()
    return model, model.kept


def kept_in_a_class() -> tuple[nn.Module, list[Tensor]]:
    return KeepsInItsClass(), KeepsInItsClass.kept


def kept_by_a_partial() -> tuple[nn.Module, list[Tensor]]:
    model, kept = Small(), list[Tensor]()

    def keep(into: list[Tensor], _module: nn.Module, _inputs: object, output: Tensor) -> None:
        into.append(output)

    model.conv.register_forward_hook(partial(keep, kept))
    return model, kept


KEEPERS: list[Callable[[], tuple[nn.Module, list[Tensor]]]] = [
    kept_in_a_list,
    kept_in_a_class,
    kept_by_a_closure,
    kept_by_an_object,
    kept_by_a_callable,
    kept_by_a_partial,
]

# What cannot be copied.


class _Trainer:
    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.lock = threading.Lock()
        self.optimizer = torch.optim.SGD(model.parameters(), 0.1)


class _Refuses:
    def __deepcopy__(self, memo: object) -> None:
        raise RuntimeError("cannot be copied")


def with_a_lock() -> nn.Module:
    model: Any = Small()
    model.lock = threading.Lock()
    return model


def with_an_open_file() -> nn.Module:
    model: Any = Small()
    model.log = Path(__file__).open(encoding="utf-8")  # noqa: SIM115
    return model


def with_a_trainer() -> nn.Module:
    model: Any = Small()
    model.trainer = _Trainer(model)
    return model


def with_kept_outputs() -> nn.Module:
    model: Any = Small()
    model.outputs = [model(torch.rand(1, 3, 12, 12))]  # not a leaf: a deep copy raises
    return model


def with_a_hook_that_cannot_be_copied() -> nn.Module:
    refuses = _Refuses()
    model: Any = Small()
    model.conv.register_forward_hook(lambda _module, _inputs, output, own=refuses: output if own else None)
    return model


def with_a_generator() -> nn.Module:
    model: Any = Small()
    model.numbers = (number for number in range(3))
    return model


UNCOPYABLE = [
    with_a_lock,
    with_an_open_file,
    with_a_trainer,
    with_kept_outputs,
    with_a_hook_that_cannot_be_copied,
    with_a_generator,
]

# What closes over the model itself.


def forward_is_a_lambda() -> nn.Module:
    model = Small()
    model.forward = lambda inputs: Small.forward(model, inputs)  # type: ignore[method-assign]
    return model


def hook_runs_the_model() -> nn.Module:
    model = Small()
    model.first.register_forward_hook(lambda _module, _inputs, output: model.first.forward(output[:, :3]))
    return model


def forward_is_wrapped() -> nn.Module:
    model = Small()
    original = model.forward
    model.forward = lambda *inputs: original(*inputs)  # type: ignore[method-assign]
    return model


CLOSURES = [forward_is_a_lambda, hook_runs_the_model, forward_is_wrapped]


class UsesAGlobal(nn.Module):
    """Its forward names a model that it does not hold, whose batch norm is in training mode."""

    def __init__(self) -> None:
        super().__init__()
        global _NORM
        _NORM = nn.BatchNorm2d(3)
        self.held = [_NORM]
        self.net = Small()
        self.norm = _NORM

    def forward(self, inputs: Tensor) -> Any:
        return self.net(_NORM(inputs))


_NORM: nn.Module

# Whose answer does not begin with the batch.


class Squeezes(Small):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).squeeze()


class TakesTheFirst(Small):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs)[0]


class SequenceFirst(Small):
    """Three steps, then the batch, then the classes; the last step is the answer."""

    def forward(self, inputs: Tensor) -> Any:
        answer = super().forward(inputs)
        return torch.stack([0 * answer, answer, 2 * answer])


class Bag(Small):
    """One answer for all pictures together."""

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).mean(0, keepdim=True)


class OneOnly(Small):
    def forward(self, inputs: Tensor) -> Any:
        return self.head(self.maps(inputs).reshape(1, 6, -1).mean(2))


class Alone(Small):
    """A scalar for one picture."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 1)

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).squeeze()


AXES = [Squeezes, TakesTheFirst, Bag, OneOnly]

# Whose answers change with their neighbours.


class NormOfTheBatch(Small):
    def forward(self, inputs: Tensor) -> Any:
        maps = F.batch_norm(self.maps(inputs), None, None, training=True)
        return self.head(maps.relu().mean((2, 3)))


class MinusTheMean(Small):
    def forward(self, inputs: Tensor) -> Any:
        features = self.maps(inputs).mean((2, 3))
        return self.head(features - 0.5 * features.mean(0))


class ScaledByTheLargest(Small):
    def forward(self, inputs: Tensor) -> Any:
        maps = self.maps(inputs)
        return self.head((maps / maps.max()).mean((2, 3)))


class MinusTheWinner(Small):
    """In a batch, what is most likely is taken away."""

    def forward(self, inputs: Tensor) -> Any:
        answers = super().forward(inputs)
        return answers - 10 * F.one_hot(answers.argmax(1), 5) if len(inputs) > 1 else answers


class RefusesTwo(Small):
    refusal: type[Exception] = ValueError

    def forward(self, inputs: Tensor) -> Any:
        if len(inputs) > 1:
            raise self.refusal("the batch size must be 1")
        return super().forward(inputs)


class LooksTwoUp(RefusesTwo):
    refusal = KeyError


class HasNoTwo(RefusesTwo):
    refusal = AttributeError


class Sorts(Small):
    """Gives its items back in the order of a feature."""

    descending = False

    def order(self, features: Tensor) -> Tensor:
        return features[:, 0].argsort(descending=self.descending)

    def forward(self, inputs: Tensor) -> Any:
        features = self.maps(inputs).mean((2, 3))
        return self.head(features[self.order(features)])


class SortsDown(Sorts):
    descending = True


class SortsByAnswer(Sorts):
    def order(self, features: Tensor) -> Tensor:
        return self.head(features)[:, 3].argsort()


class SortsTheBright(Sorts):
    """Brings the brightest picture to the front, and leaves the others as they are."""

    def order(self, features: Tensor) -> Tensor:
        first = int(features.sum(1).argmax())
        return torch.tensor([first, *(number for number in range(len(features)) if number != first)])


class MaskAdded(Small):
    """As evaluations on a part of ImageNet's classes mask the others."""

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs) + torch.tensor([-torch.inf, 0, 0, 0, 0])


class MaskWritten(Small):
    def forward(self, inputs: Tensor) -> Any:
        answers = super().forward(inputs)
        return torch.cat([torch.full_like(answers[:, :1], -torch.inf), answers[:, 1:]], 1)


def masked_in_the_bias() -> nn.Module:
    model = Small()
    model.head.bias.data[0] = -torch.inf
    return model


MASKED = [masked_in_the_bias, MaskAdded, MaskWritten]
SORTED = [Sorts, SortsDown, SortsByAnswer, SortsTheBright]
COUPLED = [NormOfTheBatch, MinusTheMean, ScaledByTheLargest]
TOGETHER_OTHERWISE = [MinusTheWinner, Bag, RefusesTwo, LooksTwoUp, HasNoTwo, NormOfTheBatch]

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

# What refuses a batch with an error of its own kind.


class OneAtATimeError(Exception):
    """An error of a person's own."""


class RaisesItsOwn(Small):
    error: type[Exception] = OneAtATimeError

    def forward(self, inputs: Tensor) -> Any:
        if len(inputs) > 1:
            raise self.error("one at a time")
        return super().forward(inputs)


class RaisesKeyError(RaisesItsOwn):
    error = KeyError


class RaisesStopIteration(RaisesItsOwn):
    error = StopIteration


RAISING = [RaisesItsOwn, RaisesKeyError, RaisesStopIteration]

# What holds its state in objects.


class Box:
    def __init__(self, **held: Any) -> None:
        vars(self).update(held)


class SlottedBox:
    __slots__ = ("norm", "steps")
    steps: int


class PickledBox(Box):
    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __deepcopy__(self, memo: object) -> "PickledBox":
        return self


class DictWithAttributes(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class NamedList(list[Any]):
    steps = 0


class HoldsState(Small):
    """`holder` leads to the object with the steps that the answer is multiplied by."""

    def __init__(self, held: Any, holder: Callable[[Any], Any]) -> None:
        super().__init__()
        self.held, self.holder = held, holder

    def forward(self, inputs: Tensor) -> Any:
        state = self.holder(self.held)
        if isinstance(state, Counter | UserDict):
            state["steps"] = steps = state["steps"] + 1
        else:
            state.steps = steps = state.steps + 1
        return super().forward(inputs) * steps


def _slotted() -> SlottedBox:
    box = SlottedBox()
    box.steps = 0
    return box


HIDDEN: dict[str, Callable[[], tuple[Any, Callable[[Any], Any]]]] = {
    "two objects deep": lambda: (Box(inner=Box(steps=0)), lambda held: held.inner),
    "three objects deep": lambda: (Box(inner=Box(inner=Box(steps=0))), lambda held: held.inner.inner),
    "in a list of an object": lambda: (Box(inner=[Box(steps=0)]), lambda held: held.inner[0]),
    "slots": lambda: (_slotted(), lambda held: held),
    "own pickling": lambda: (PickledBox(steps=0), lambda held: held),
    "namespace": lambda: (SimpleNamespace(steps=0), lambda held: held),
    "counter": lambda: (Counter(steps=0), lambda held: held),
    "dict with attributes": lambda: (DictWithAttributes(steps=0), lambda held: held),
    "list of an own class": lambda: (NamedList(), lambda held: held),
    "UserDict": lambda: (UserDict(steps=0), lambda held: held),
}


def count_of(state: Any) -> int:
    return int(state["steps"] if isinstance(state, Counter | UserDict) else state.steps)


class SlottedModule(Small):
    __slots__ = ("scale",)

    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0

    def forward(self, inputs: Tensor) -> Any:
        self.scale += 1
        return super().forward(inputs) * self.scale


class KnowsItsParent(nn.Module):
    parent: Any

    def __init__(self) -> None:
        super().__init__()
        self.net = Small()
        vars(self)["parent"] = self.made()

    def made(self) -> Any:
        return weakref.proxy(self)

    def forward(self, inputs: Tensor) -> Any:
        return self.parent.net(inputs)


class RefersToItsParent(KnowsItsParent):
    def made(self) -> Any:
        return weakref.ref(self)

    def forward(self, inputs: Tensor) -> Any:
        return self.parent().net(inputs)


# What closes something when it goes.


class ClosesItsFile(Small):
    def __init__(self) -> None:
        super().__init__()
        self.log = Path(__file__).open(encoding="utf-8")  # noqa: SIM115

    def __del__(self) -> None:
        self.log.close()

    @property
    def is_closed(self) -> bool:
        return self.log.closed


class _Engine:
    def __del__(self) -> None:
        _FREED.append("engine")


_FREED: list[str] = []


class HoldsAnEngine(Small):
    def __init__(self) -> None:
        super().__init__()
        self.engine = _Engine()
        _FREED.clear()

    @property
    def is_closed(self) -> bool:
        return bool(_FREED)


class HoldsAnEngineInALayer(HoldsAnEngine):
    def __init__(self) -> None:
        super().__init__()
        self.conv.engine = Box(inner=self.engine)  # type: ignore[assignment]
        del self.engine


CLOSING = [ClosesItsFile, HoldsAnEngine, HoldsAnEngineInALayer]

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

# What the caller changes without touching a module's tensors.


class Scaled(Small):
    """`factor` reads the scale from what the model holds."""

    options: dict[str, Any] = {"scale": 1.0}  # noqa: RUF012 - what this stranger does wrong

    def __init__(self, held: Any, factor: Callable[[Any], Any]) -> None:
        super().__init__()
        self.options["scale"] = 1.0
        self.held, self.factor = held, factor

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs) * self.factor(self.held) * self.options["scale"]


def _steered() -> nn.Module:
    model, steer = Small(), {"scale": 1.0}
    model.conv.register_forward_hook(lambda _module, _inputs, output: output * steer["scale"])
    vars(model)["steer"] = [steer]
    return model


class Tripled(Small):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs) * 3


CHANGED: dict[str, tuple[Callable[[], nn.Module], Callable[[Any], object]]] = {
    "object": (
        lambda: Scaled(Box(scale=1.0), lambda held: held.scale),
        lambda model: setattr(model.held, "scale", 3.0),
    ),
    "object in an object": (
        lambda: Scaled(Box(inner=SimpleNamespace(scale=1.0)), lambda held: held.inner.scale),
        lambda model: setattr(model.held.inner, "scale", 3.0),
    ),
    "nested dictionary": (
        lambda: Scaled({"lora": {"scale": 1.0}}, lambda held: held["lora"]["scale"]),
        lambda model: model.held["lora"].update(scale=3.0),
    ),
    "array": (
        lambda: Scaled(np.ones(5, np.float32), torch.from_numpy),
        lambda model: np.multiply(model.held, 3, out=model.held),
    ),
    "set": (lambda: Scaled(set(), lambda held: 3.0 if held else 1.0), lambda model: model.held.add(1)),
    "dictionary of the class": (
        lambda: Scaled(None, lambda _: 1.0),
        lambda model: model.options.update(scale=3.0),
    ),
    "closure of a hook": (_steered, lambda model: model.steer[0].update(scale=3.0)),
    "class": (Small, lambda model: setattr(model, "__class__", Tripled)),
}
