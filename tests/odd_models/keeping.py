"""Models that keep what passes through them, or hold their state in objects."""

import weakref
from collections import Counter, UserDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.odd_models.base import Box, Small

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
