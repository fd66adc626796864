"""What a model's code may fill: lists, sets, dictionaries and slots, read and refilled without its classes' code."""

import gc
import operator
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import chain
from types import MemberDescriptorType
from typing import Any

import numpy as np

MAPPINGS = (OrderedDict, defaultdict, dict)  # a class before the one that it is made from
SEQUENCES = (list, deque, set)
MOST_READ = 2**20  # bytes of an array that are read to see whether it has changed


class SlotAttributes:
    """The attributes of `value` that its classes keep in `__slots__`, by their descriptors."""

    def __init__(self, value: object) -> None:
        self._value = value
        self._slots = [slot for base in type(value).__mro__ for slot in vars(base).values() if _is_slot(slot)]

    def items(self) -> Iterator[tuple[Any, Any]]:
        for slot in self._slots:
            try:
                yield slot, slot.__get__(self._value)
            except AttributeError:  # not filled
                continue

    def clear(self) -> None:
        for slot, _ in list(self.items()):
            slot.__delete__(self._value)

    def update(self, content: dict[Any, Any]) -> None:
        for slot, value in content.items():
            slot.__set__(self._value, value)


def _is_slot(value: object) -> bool:
    return isinstance(value, MemberDescriptorType)


def built_in(kind: type) -> Any:
    """Return the container of Python's own that `kind` is, or is made from; None where it is none."""
    return next((base for base in (*MAPPINGS, *SEQUENCES) if issubclass(kind, base)), None)


def empty_like(value: Any) -> Any:
    """Return a container of the class of `value` with nothing in it."""
    base = built_in(type(value))
    made = base.__new__(type(value))
    if base is defaultdict:
        defaultdict.__init__(made, value.default_factory)
    elif base is deque:
        deque.__init__(made, (), value.maxlen)
    return made


def content_of(container: Any) -> dict[Any, Any] | list[Any] | set[Any]:
    """Return what is in `container` now: a dictionary for what has keys, else a list, or a set."""
    if isinstance(container, SlotAttributes):
        return dict(container.items())
    base = built_in(type(container))
    if base in MAPPINGS:
        return dict(base.items(container))
    return set(set.__iter__(container)) if base is set else list(base.__iter__(container))


def refill(container: Any, content: Iterable[Any]) -> None:
    """Let `container` hold `content`, and nothing else."""
    base: Any = SlotAttributes if isinstance(container, SlotAttributes) else built_in(type(container))
    base.clear(container)
    if base in (list, deque):
        base.extend(container, content)
    else:
        base.update(container, content)


def is_identical(container: Any, content: Any) -> bool:
    """Tell whether `container` holds the very objects of `content`, in their order."""
    now = container if type(container) in (dict, list, OrderedDict) else content_of(container)
    if len(now) != len(content):
        return False
    if isinstance(now, set):
        return bool(now == content)
    return all(map(operator.is_, now, content)) and (
        not isinstance(now, dict) or all(map(operator.is_, now.values(), content.values()))
    )


def are_identical(spaces: list[dict[str, Any]], contents: list[dict[str, Any]]) -> bool:
    """Return True where each of `spaces` holds the very objects of its one of `contents`: a few passes over all.

    False may also mean that `is_identical` must look at each of them.
    """
    if [*map(len, spaces)] != [*map(len, contents)]:
        return False
    if [*chain.from_iterable(spaces)] != [*chain.from_iterable(contents)]:
        return False
    return all(map(operator.is_, gc.get_referents(*spaces), gc.get_referents(*contents)))


def signature(sources: Iterable[Any]) -> list[int]:
    """Return what changes when one of these containers holds something else, or one of these arrays other numbers."""
    found: list[int] = []
    for source in sources:
        if isinstance(source, np.ndarray):
            found.append(hash(source.tobytes()) if source.nbytes <= MOST_READ and not source.dtype.hasobject else 0)
            continue
        content = content_of(source)
        found.append(len(content))
        found += map(id, content.values() if isinstance(content, dict) else content)
    return found
