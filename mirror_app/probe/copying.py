"""A structural copy of what a model is made of: modules, containers, closures and hooks of its own.

No code of the copied classes runs, neither `__init__`, `__deepcopy__`, `__setattr__` nor `train`: on modules that share
weights with the original, any of them may write into these.
"""

import sys
from abc import ABCMeta
from collections.abc import Callable, MutableMapping
from copy import copy
from functools import cache, partial
from types import BuiltinMethodType, CellType, FunctionType, MethodType, SimpleNamespace
from typing import Any
from weakref import ProxyTypes, WeakKeyDictionary, proxy, ref

import numpy as np
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mirror_app.probe.containers import SlotAttributes, built_in, content_of, empty_like, refill
from mirror_app.probe.randomness import copied, is_generator


class Copier:
    """Copies values by `copy`, each source once; `tensor` says what becomes of a tensor.

    Afterwards `modules` are the copied modules, and `containers` the lists, sets and dictionaries that the model's code
    may fill, each with a copy of what was in it. An object that a module or a hook holds, such as a recorder or a
    configuration, is copied as well, with what it holds in turn. Shared is all that has no plain Python state, such as
    locks, open files and classes, the objects of Python's own library, and large collections that objects hold.
    """

    def __init__(self, tensor: Callable[[Tensor], Tensor]) -> None:
        self.modules: list[nn.Module] = []
        self.containers: dict[int, tuple[Any, Any]] = {}
        self.sources: dict[int, Any] = {}  # what the containers were copied from, under the same keys, and arrays
        self.generators: list[tuple[Any, Any]] = []  # of random numbers: the copy's, and the source's
        self._tensor = tensor
        self._copies: dict[int, Any] = {}
        self._sources: list[Any] = []  # kept alive while copying, so that their ids are not used again
        self._depth = 0  # objects that hold what is being copied, one in the other

    def copy(self, value: Any) -> Any:
        """Return the copy of `value`, or `value` itself where it is shared."""
        if id(value) in self._copies:
            return self._copies[id(value)]
        if type(value) in ProxyTypes or type(value) is ref:
            return self._weakly(value)
        if is_generator(value):
            self.generators.append((copied(value), value))
            return self._remember(value, self.generators[-1][0])
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
                self.sources[id(value)] = value
                return self._remember(value, value.copy())
            case BuiltinMethodType() if built_in(type(value.__self__)):
                return getattr(self.copy(value.__self__), value.__name__)
        return self._container(value)

    def _weakly(self, value: Any) -> Any:
        """Return a weak reference to the copy of what `value` refers to, such as the module that holds it."""
        try:
            target = value() if type(value) is ref else value.__repr__.__self__
        except ReferenceError:
            return value
        made = self._copies.get(id(target))
        return value if made is None else ref(made) if type(value) is ref else proxy(made)

    def _container(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, tuple) and (kind is tuple or hasattr(kind, "_fields")):
            parts = [self.copy(part) for part in value]
            return self._remember(value, tuple(parts) if kind is tuple else kind(*parts))
        if not (base := built_in(kind)):
            return self._object(value) if _is_plain(value) and self._depth < DEEPEST else value
        if kind is not base and kind.__module__.startswith("torch."):
            return value
        content = content_of(value)
        if self._depth and len(content) > MOST:
            return value
        made = self._remember(value, empty_like(value))
        if isinstance(content, dict):
            refill(made, self._items(content))
        else:
            refill(made, [self.copy(part) for part in content])
        self._keep(value, made)
        if kind is not base:
            self._attributes(value, made)
        return made

    def _module(self, module: nn.Module) -> nn.Module:
        kind: Any = type(module)
        made: nn.Module = self._remember(module, object.__new__(_without_del(kind)))
        own = vars(made)
        own.update(self._items(vars(module)))
        for name in MACHINERY:
            self.containers.pop(id(own.get(name)), None)
            self.sources.pop(id(own.get(name)), None)
        self._fill(*_slots(module, made))
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
        # A cache of the class would keep each copy alive that is asked.
        for name, method in {**methods_compiled(type(made)), **_methods_cached(type(made))}.items():
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
        kind: Any = type(value)
        kind = _without_del(kind)
        try:
            blank = kind.__new__(kind) if kind is SimpleNamespace else object.__new__(kind)
        except TypeError:  # it has a state in C that only its own class can make
            return value
        made = self._remember(value, blank)
        self._depth += 1
        self._attributes(value, made)
        self._depth -= 1
        return made

    def _attributes(self, value: Any, made: Any) -> None:
        """Give `made` copies of what `value` holds in its attributes and slots."""
        self._fill(getattr(value, "__dict__", None), getattr(made, "__dict__", None))
        self._fill(*_slots(value, made))

    def _fill(self, source: Any, own: Any) -> None:
        """Let `own` hold copies of what `source` holds by name; either may be missing."""
        if source is not None and own is not None:
            own.update(self._items(dict(source.items())))
            self._keep(source, own)

    def _keep(self, source: Any, container: Any) -> None:
        self.containers[id(container)] = container, content_of(container)
        self.sources[id(container)] = source

    def _items(self, mapping: MutableMapping[Any, Any]) -> dict[Any, Any]:
        return {key: self.copy(value) for key, value in mapping.items()}

    def _remember(self, source: Any, made: Any) -> Any:
        self._sources.append(source)
        self._copies[id(source)] = made
        return made


# What switches checkpointing on in timm, Transformers, torchvision and MMCV: it saves memory by computing the block
# again in the backward pass, which a view cannot look into, and changes no number.
_CHECKPOINTING = ("grad_checkpointing", "gradient_checkpointing", "use_checkpoint", "with_cp", "memory_efficient")


def _slots(value: Any, made: Any) -> tuple[SlotAttributes | None, SlotAttributes | None]:
    has_slots = any("__slots__" in vars(base) for base in type(value).__mro__)
    return (SlotAttributes(value), SlotAttributes(made)) if has_slots else (None, None)


_Cached = type(cache(lambda: None))

# What `nn.Module` itself keeps of each module: its weights, its submodules, its hooks.
MACHINERY = tuple(vars(nn.Module()))


def _filled_by_class(kind: type) -> dict[str, Any]:
    """Return the lists, sets and dictionaries that the classes of a person's module hold: all instances fill them."""
    return {
        name: value
        for base in kind.__mro__
        if not base.__module__.startswith("torch.")
        for name, value in vars(base).items()
        if built_in(type(value)) and not name.startswith("__")
    }


def given_to_compiler(value: Any) -> Callable[..., Any] | None:
    """Return the function that `torch.compile` was given to make `value`; None where `value` is no such function."""
    original = vars(value).get("_torchdynamo_orig_callable") if isinstance(value, FunctionType) else None
    return original if callable(original) else None


def methods_compiled(kind: type) -> dict[str, Callable[..., Any]]:
    """Return what `torch.compile` was given to make the methods of a person's class."""
    found = {name: given_to_compiler(value) for name, value in _attributes_of_class(kind).items()}
    return {name: original for name, original in found.items() if original}


def _methods_cached(kind: type) -> dict[str, Callable[..., Any]]:
    """Return what `functools.cache` was given to make the methods of a person's class."""
    found = _attributes_of_class(kind)
    return {name: value.__wrapped__ for name, value in found.items() if isinstance(value, _Cached)}


def _attributes_of_class(kind: type) -> dict[str, Any]:
    bases = [base for base in reversed(kind.__mro__) if not base.__module__.startswith("torch.")]
    return {name: value for base in bases for name, value in vars(base).items()}


def _is_plain(value: Any) -> bool:
    """Tell whether `value` is an object of a person's class: its state is its attributes, unless it is made in C."""
    kind = type(value)
    room = kind.__module__.partition(".")[0]
    return (
        type(kind) in (type, ABCMeta)
        and not isinstance(value, type | BaseException)
        and (kind.__module__ in _WITH_STATE or room not in _SHARED)
        and not any("__next__" in vars(base) for base in kind.__mro__)
    )


_WITH_STATE = ("types", "collections")  # SimpleNamespace, UserDict, UserList
_SHARED = frozenset({*sys.stdlib_module_names, "torch", "numpy"})
DEEPEST = 4  # an object that is held by more objects than this, one in the other, is shared
MOST = 1000  # entries; what is larger, and held by an object, is data


_without: WeakKeyDictionary[type, type] = WeakKeyDictionary()


def _without_del(kind: type) -> type:
    """Return `kind` without `__del__`: that would close, when a copy goes, what the copy shares with the original."""
    if not any("__del__" in vars(base) for base in kind.__mro__):
        return kind
    if kind not in _without:
        names = {"__del__": lambda _: None, "__slots__": (), "__module__": kind.__module__}
        _without[kind] = type(kind)(kind.__name__, (kind,), {**names, "__qualname__": kind.__qualname__})
    return _without[kind]
