"""Structural copies of models: their modules, containers, closures and hooks.

No code of the copied classes runs, neither `__init__`, `__deepcopy__`, `__setattr__` nor `train`. On modules that share
weights with the original, any of these methods could write into the weights.
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

from mirror_app.probe.containers import SlotAttributes, builtin_base, contents_of, empty_like, refill
from mirror_app.probe.randomness import copy_generator, is_generator


class Copier:
    """Copies values with the method `copy`, each value once; the function `tensor` copies tensors.

    `modules` lists the copied modules. `containers` holds the lists, sets and dictionaries that the model's code may
    fill, each with a snapshot of its contents.

    An object held by a module or a hook, such as a recorder or a configuration, is copied together with its contents.
    Values without plain Python state, such as locks, open files, classes and objects of the standard library, are
    shared. Large collections inside objects are shared too.
    """

    def __init__(self, tensor: Callable[[Tensor], Tensor]) -> None:
        self.modules: list[nn.Module] = []
        self.containers: dict[int, tuple[Any, Any]] = {}
        # The original of each copied array, by the array's id, and of each container, by its key in `containers`.
        self.sources: dict[int, Any] = {}
        self.generators: list[tuple[Any, Any]] = []  # (the copy's random generator, the source's)
        self._tensor = tensor
        self._copies: dict[int, Any] = {}
        self._sources: list[Any] = []  # kept alive while copying, so that their ids are not used again
        self._depth = 0  # how many nested objects enclose the value being copied

    def copy(self, value: Any) -> Any:
        """Return the copy of `value`, or `value` itself if it is shared."""
        if id(value) in self._copies:
            return self._copies[id(value)]
        if type(value) in ProxyTypes or type(value) is ref:
            return self._weak_reference(value)
        if is_generator(value):
            self.generators.append((copy_generator(value), value))
            return self._record(value, self.generators[-1][0])
        match value:
            case Tensor():
                return self._record(value, self._tensor(value))
            case nn.Module():
                return self._copy_module(value)
            case MethodType():
                return MethodType(self.copy(value.__func__), self.copy(value.__self__))
            case FunctionType():
                return self._copy_function(value)
            case partial() if type(value) is partial:
                arguments = [self.copy(item) for item in value.args]
                return partial(self.copy(value.func), *arguments, **self._copy_values(value.keywords))
            case RemovableHandle():
                return self._copy_handle(value)
            case np.ndarray():
                self.sources[id(value)] = value
                return self._record(value, value.copy())
            case BuiltinMethodType() if builtin_base(type(value.__self__)):
                return getattr(self.copy(value.__self__), value.__name__)
        return self._copy_container(value)

    def _weak_reference(self, value: Any) -> Any:
        """Return a weak reference to the copy of the referent, such as the module that holds the reference."""
        try:
            referent = value() if type(value) is ref else value.__repr__.__self__
        except ReferenceError:
            return value
        copied = self._copies.get(id(referent))
        return value if copied is None else ref(copied) if type(value) is ref else proxy(copied)

    def _copy_container(self, value: Any) -> Any:
        cls = type(value)
        if isinstance(value, tuple) and (cls is tuple or hasattr(cls, "_fields")):
            items = [self.copy(item) for item in value]
            return self._record(value, tuple(items) if cls is tuple else cls(*items))
        if not (builtin := builtin_base(cls)):
            return self._copy_object(value) if _is_user_object(value) and self._depth < MAX_DEPTH else value
        if cls is not builtin and cls.__module__.startswith("torch."):
            return value
        content = contents_of(value)
        if self._depth and len(content) > MAX_ENTRIES:
            return value
        copied = self._record(value, empty_like(value))
        if isinstance(content, dict):
            refill(copied, self._copy_values(content))
        else:
            refill(copied, [self.copy(item) for item in content])
        self._record_container(value, copied)
        if cls is not builtin:
            self._copy_attributes(value, copied)
        return copied

    def _copy_module(self, module: nn.Module) -> nn.Module:
        cls: Any = type(module)
        copied: nn.Module = self._record(module, object.__new__(_without_del(cls)))
        attributes = vars(copied)
        attributes.update(self._copy_values(vars(module)))
        for name in MODULE_ATTRIBUTES:
            self.containers.pop(id(attributes.get(name)), None)
            self.sources.pop(id(attributes.get(name)), None)
        self._copy_into(*_slot_attributes(module, copied))
        for name, value in _class_containers(type(module)).items():
            attributes.setdefault(name, self.copy(value))
        attributes["training"] = False
        if attributes.get("inplace") is True:
            attributes["inplace"] = False
        for flag in _CHECKPOINTING_FLAGS:
            if attributes.get(flag) is True:
                attributes[flag] = False
        self._remove_compilation(copied)
        self.modules.append(copied)
        return copied

    def _remove_compilation(self, module: nn.Module) -> None:
        attributes = vars(module)
        # A cache on the class would keep alive every copy that calls it.
        for name, method in {**uncompiled_methods(type(module)), **_uncached_methods(type(module))}.items():
            attributes.setdefault(name, MethodType(method, module))
        if attributes.get("_compiled_call_impl") is not None:
            attributes["_compiled_call_impl"] = None
        if "_orig_mod" in attributes.get("_modules", {}):
            attributes["forward"] = attributes["_modules"]["_orig_mod"]

    def _copy_function(self, function: FunctionType) -> Callable[..., Any]:
        """Return the function with copies of its closure and defaults, which may hold modules of the model."""
        if original := uncompiled_function(function):
            return self._record(function, self.copy(original))
        is_stateless = not (function.__closure__ or function.__defaults__ or function.__kwdefaults__)
        if is_stateless or (function.__module__ or "").partition(".")[0] == "torch":
            return function
        cells = tuple(CellType() for _ in function.__closure__ or ())
        copied = FunctionType(function.__code__, function.__globals__, function.__name__, closure=cells)
        self._record(function, copied)
        for cell, source in zip(cells, function.__closure__ or (), strict=True):
            try:
                content = source.cell_contents
            except ValueError:  # an empty cell
                continue
            cell.cell_contents = self.copy(content)
        copied.__defaults__ = self.copy(function.__defaults__)
        copied.__kwdefaults__ = self.copy(function.__kwdefaults__)
        copied.__dict__.update(function.__dict__)
        return copied

    def _copy_handle(self, handle: RemovableHandle) -> RemovableHandle:
        """Return a handle to the copied dictionaries of hooks, so that `remove` acts on the copy."""
        copied: RemovableHandle = self._record(handle, copy(handle))
        if (hooks := handle.hooks_dict_ref()) is not None:
            copied.hooks_dict_ref = ref(self.copy(hooks))
        other_hooks = [extra_hooks for reference in handle.extra_dict_ref if (extra_hooks := reference()) is not None]
        copied.extra_dict_ref = tuple(ref(self.copy(extra_hooks)) for extra_hooks in other_hooks)
        return copied

    def _copy_object(self, value: Any) -> Any:
        cls: Any = type(value)
        cls = _without_del(cls)
        try:
            blank = cls.__new__(cls) if cls is SimpleNamespace else object.__new__(cls)
        except TypeError:  # only its own class can create its C state
            return value
        copied = self._record(value, blank)
        self._depth += 1
        self._copy_attributes(value, copied)
        self._depth -= 1
        return copied

    def _copy_attributes(self, value: Any, copied: Any) -> None:
        """Copy the attributes and slots of `value` into `copied`."""
        self._copy_into(getattr(value, "__dict__", None), getattr(copied, "__dict__", None))
        self._copy_into(*_slot_attributes(value, copied))

    def _copy_into(self, source: Any, copied: Any) -> None:
        """Fill `copied` with copies of the named values in `source`; either may be None."""
        if source is not None and copied is not None:
            copied.update(self._copy_values(dict(source.items())))
            self._record_container(source, copied)

    def _record_container(self, source: Any, container: Any) -> None:
        self.containers[id(container)] = container, contents_of(container)
        self.sources[id(container)] = source

    def _copy_values(self, mapping: MutableMapping[Any, Any]) -> dict[Any, Any]:
        return {key: self.copy(value) for key, value in mapping.items()}

    def _record(self, source: Any, copied: Any) -> Any:
        self._sources.append(source)
        self._copies[id(source)] = copied
        return copied


# The flags that enable checkpointing in timm, Transformers, torchvision and MMCV. Checkpointing recomputes a block in
# the backward pass, where hooks cannot follow it; switching it off changes no value.
_CHECKPOINTING_FLAGS = ("grad_checkpointing", "gradient_checkpointing", "use_checkpoint", "with_cp", "memory_efficient")


def _slot_attributes(value: Any, copied: Any) -> tuple[SlotAttributes | None, SlotAttributes | None]:
    has_slots = any("__slots__" in vars(base) for base in type(value).__mro__)
    return (SlotAttributes(value), SlotAttributes(copied)) if has_slots else (None, None)


_CachedFunction = type(cache(lambda: None))

# The attributes of `nn.Module` itself: weights, submodules, hooks.
MODULE_ATTRIBUTES = tuple(vars(nn.Module()))


def _class_containers(cls: type) -> dict[str, Any]:
    """Return the lists, sets and dictionaries defined on the user's classes, which all instances share."""
    return {
        name: value
        for base in cls.__mro__
        if not base.__module__.startswith("torch.")
        for name, value in vars(base).items()
        if builtin_base(type(value)) and not name.startswith("__")
    }


def uncompiled_function(value: Any) -> Callable[..., Any] | None:
    """Return the function that was passed to `torch.compile` to create `value`, or None."""
    original = vars(value).get("_torchdynamo_orig_callable") if isinstance(value, FunctionType) else None
    return original if callable(original) else None


def uncompiled_methods(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the original functions of the methods that the user's class passed to `torch.compile`."""
    functions = {name: uncompiled_function(value) for name, value in _class_attributes(cls).items()}
    return {name: original for name, original in functions.items() if original}


def _uncached_methods(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the original functions of the methods that the user's class passed to `functools.cache`."""
    attributes = _class_attributes(cls)
    return {name: value.__wrapped__ for name, value in attributes.items() if isinstance(value, _CachedFunction)}


def _class_attributes(cls: type) -> dict[str, Any]:
    bases = [base for base in reversed(cls.__mro__) if not base.__module__.startswith("torch.")]
    return {name: value for base in bases for name, value in vars(base).items()}


def _is_user_object(value: Any) -> bool:
    """Tell whether `value` is an instance of a user's class, whose attributes and slots are its whole state."""
    cls = type(value)
    package = cls.__module__.partition(".")[0]
    return (
        type(cls) in (type, ABCMeta)
        and not isinstance(value, type | BaseException)
        and (cls.__module__ in _COPIED_STDLIB_MODULES or package not in _SHARED_PACKAGES)
        and not any("__next__" in vars(base) for base in cls.__mro__)
    )


_COPIED_STDLIB_MODULES = ("types", "collections")  # for SimpleNamespace, UserDict and UserList
_SHARED_PACKAGES = frozenset({*sys.stdlib_module_names, "torch", "numpy"})
MAX_DEPTH = 4  # objects nested more deeply than this are shared
MAX_ENTRIES = 1000  # a larger collection inside an object is data, and is shared


_classes_without_del: WeakKeyDictionary[type, type] = WeakKeyDictionary()


def _without_del(cls: type) -> type:
    """Return `cls` without `__del__`, which would close resources that the copy shares with the original."""
    if not any("__del__" in vars(base) for base in cls.__mro__):
        return cls
    if cls not in _classes_without_del:
        namespace = {"__del__": lambda _: None, "__slots__": (), "__module__": cls.__module__}
        _classes_without_del[cls] = type(cls)(cls.__name__, (cls,), {**namespace, "__qualname__": cls.__qualname__})
    return _classes_without_del[cls]
