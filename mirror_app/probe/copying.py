"""A structural copy of what a model is made of: modules, containers, closures and hooks of its own.

No code of the copied classes runs, neither `__init__`, `__deepcopy__`, `__setattr__` nor `train`: on modules that share
weights with the original, any of them may write into these.
"""

from abc import ABCMeta
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, MutableMapping
from copy import copy
from functools import partial
from types import BuiltinMethodType, CellType, FunctionType, MethodType
from typing import Any
from weakref import ref

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

_SEQUENCES = (list, set, deque)
_MAPPINGS = (dict, OrderedDict, defaultdict)


class Copier:
    """Copies values by `copy`, each source once; `tensor` says what becomes of a tensor.

    Afterwards `modules` are the copied modules, and `containers` the lists, sets and dictionaries that the model's code
    may fill, each with a copy of what was in it. A plain object that a module or a hook holds, such as a recorder, is
    copied as well, and what it holds in turn is shared. So is all that has no plain Python state: locks, open files,
    classes, objects with a copying protocol of their own.
    """

    def __init__(self, tensor: Callable[[Tensor], Tensor]) -> None:
        self.modules: list[nn.Module] = []
        self.containers: dict[int, tuple[Any, Any]] = {}
        self._tensor = tensor
        self._copies: dict[int, Any] = {}
        self._sources: list[Any] = []  # kept alive while copying, so that their ids are not used again
        self._inside_object = False

    def copy(self, value: Any) -> Any:
        """Return the copy of `value`, or `value` itself where it is shared."""
        if id(value) in self._copies:
            return self._copies[id(value)]
        match value:
            case Tensor():
                return self._remember(value, self._tensor(value))
            case nn.Module():
                return self._module(value)
            case MethodType():
                return MethodType(self.copy(value.__func__), self.copy(value.__self__))
            case FunctionType():
                return self._function(value)
            case partial() if type(value) is partial:
                arguments = [self.copy(part) for part in value.args]
                return partial(self.copy(value.func), *arguments, **self._items(value.keywords))
            case RemovableHandle():
                return self._handle(value)
            case np.ndarray():
                return self._remember(value, value.copy())
            case torch.Generator():
                return self._remember(value, value.clone_state())
            case BuiltinMethodType() if type(value.__self__) in (*_SEQUENCES, *_MAPPINGS):
                return getattr(self.copy(value.__self__), value.__name__)
        return self._container(value)

    def _container(self, value: Any) -> Any:
        kind = type(value)
        if kind in _SEQUENCES or kind in _MAPPINGS:
            made = self._remember(value, value.copy())
            refill(made, self._items(value) if kind in _MAPPINGS else [self.copy(part) for part in value])
            self.containers[id(made)] = made, made.copy()
            return made
        if isinstance(value, tuple) and (kind is tuple or hasattr(kind, "_fields")):
            parts = [self.copy(part) for part in value]
            return self._remember(value, tuple(parts) if kind is tuple else kind(*parts))
        return self._object(value) if _is_plain(value) and not self._inside_object else value

    def _module(self, module: nn.Module) -> nn.Module:
        made: nn.Module = self._remember(module, object.__new__(type(module)))
        own = vars(made)
        own.update(self._items(vars(module)))
        for name in MACHINERY:
            self.containers.pop(id(own.get(name)), None)
        for name, value in _filled_by_class(type(module)).items():
            own.setdefault(name, self.copy(value))
        own["training"] = False
        if own.get("inplace") is True:
            own["inplace"] = False
        for flag in _CHECKPOINTING:
            if own.get(flag) is True:
                own[flag] = False
        self._without_compiler(made)
        self.modules.append(made)
        return made

    def _without_compiler(self, made: nn.Module) -> None:
        own = vars(made)
        for name, method in methods_compiled(type(made)).items():
            own.setdefault(name, MethodType(method, made))
        if own.get("_compiled_call_impl") is not None:
            own["_compiled_call_impl"] = None
        if "_orig_mod" in own.get("_modules", {}):
            own["forward"] = own["_modules"]["_orig_mod"]

    def _function(self, function: FunctionType) -> Callable[..., Any]:
        """Return the function over copies of what it closes over, for that may be a module of the model."""
        if original := given_to_compiler(function):
            return self._remember(function, self.copy(original))
        bare = not (function.__closure__ or function.__defaults__ or function.__kwdefaults__)
        if bare or (function.__module__ or "").partition(".")[0] == "torch":
            return function
        cells = tuple(CellType() for _ in function.__closure__ or ())
        made = FunctionType(function.__code__, function.__globals__, function.__name__, closure=cells)
        self._remember(function, made)
        for cell, source in zip(cells, function.__closure__ or (), strict=True):
            try:
                content = source.cell_contents
            except ValueError:  # not filled yet
                continue
            cell.cell_contents = self.copy(content)
        made.__defaults__ = self.copy(function.__defaults__)
        made.__kwdefaults__ = self.copy(function.__kwdefaults__)
        made.__dict__.update(function.__dict__)
        return made

    def _handle(self, handle: RemovableHandle) -> RemovableHandle:
        """Return a handle that removes the hook from the copies of the dictionaries that hold it."""
        made: RemovableHandle = self._remember(handle, copy(handle))
        if (hooks := handle.hooks_dict_ref()) is not None:
            made.hooks_dict_ref = ref(self.copy(hooks))
        found = [others for reference in handle.extra_dict_ref if (others := reference()) is not None]
        made.extra_dict_ref = tuple(ref(self.copy(others)) for others in found)
        return made

    def _object(self, value: Any) -> Any:
        try:
            made = self._remember(value, object.__new__(type(value)))
        except TypeError:  # it has a state in C that only its own class can make
            return value
        self._inside_object = True
        vars(made).update(self._items(vars(value)))
        self._inside_object = False
        self.containers[id(vars(made))] = vars(made), vars(made).copy()
        return made

    def _items(self, mapping: MutableMapping[Any, Any]) -> dict[Any, Any]:
        return {key: self.copy(value) for key, value in mapping.items()}

    def _remember(self, source: Any, made: Any) -> Any:
        self._sources.append(source)
        self._copies[id(source)] = made
        return made


# What switches checkpointing on in timm, Transformers, torchvision and MMCV: it saves memory by computing the block
# again in the backward pass, which a view cannot look into, and changes no number.
_CHECKPOINTING = ("grad_checkpointing", "gradient_checkpointing", "use_checkpoint", "with_cp", "memory_efficient")


# What `nn.Module` itself keeps of each module: its weights, its submodules, its hooks.
MACHINERY = tuple(vars(nn.Module()))


def refill(container: Any, content: Any) -> None:
    """Let a list, set, deque or dictionary hold `content`, and nothing else."""
    container.clear()
    if isinstance(container, list | deque):
        container.extend(content)
    else:
        container.update(content)


def _filled_by_class(kind: type) -> dict[str, Any]:
    """Return the lists, sets and dictionaries that the classes of a person's module hold: all instances fill them."""
    return {
        name: value
        for base in kind.__mro__
        if not base.__module__.startswith("torch.")
        for name, value in vars(base).items()
        if type(value) in (*_SEQUENCES, *_MAPPINGS) and not name.startswith("__")
    }


def given_to_compiler(value: Any) -> Callable[..., Any] | None:
    """Return the function that `torch.compile` was given to make `value`; None where `value` is no such function."""
    original = vars(value).get("_torchdynamo_orig_callable") if isinstance(value, FunctionType) else None
    return original if callable(original) else None


def methods_compiled(kind: type) -> dict[str, Callable[..., Any]]:
    """Return what `torch.compile` was given to make the methods of a person's class."""
    bases = [base for base in reversed(kind.__mro__) if not base.__module__.startswith("torch.")]
    found = {name: given_to_compiler(value) for base in bases for name, value in vars(base).items()}
    return {name: original for name, original in found.items() if original}


def _is_plain(value: Any) -> bool:
    """Tell whether `value` is an object of a person's class whose whole state is its attributes."""
    kind = type(value)
    protocol = {"__deepcopy__", "__copy__", "__reduce__", "__reduce_ex__", "__getstate__", "__slots__", "__next__"}
    return (
        type(kind) in (type, ABCMeta)
        and hasattr(value, "__dict__")
        and kind.__module__.partition(".")[0] not in ("torch", "builtins", "threading", "logging")
        and not any(name in protocol for base in kind.__mro__[:-1] for name in vars(base))
    )
