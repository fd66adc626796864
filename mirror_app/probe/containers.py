"""Lists, sets, dictionaries and slots of a model, read and refilled without running the code of their subclasses."""

import operator
from collections import OrderedDict, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from types import MemberDescriptorType
from typing import Any

import numpy as np

MAPPINGS = (OrderedDict, defaultdict, dict)  # subclasses before their base classes
SEQUENCES = (list, deque, set)
MAX_HASHED_BYTES = 2**20  # larger arrays are not checked for changes


class SlotAttributes:
    """The attributes of `value` that its classes store in `__slots__`, keyed by descriptor."""

    def __init__(self, value: object) -> None:
        self._value = value
        self._slots = [slot for base in type(value).__mro__ for slot in vars(base).values() if _is_slot(slot)]

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Yield each descriptor with its value; unset slots are skipped."""
        for slot in self._slots:
            try:
                yield slot, slot.__get__(self._value)
            except AttributeError:  # unset
                continue

    def clear(self) -> None:
        """Delete the value of each slot."""
        for slot, _ in list(self.items()):
            slot.__delete__(self._value)

    def update(self, content: dict[Any, Any]) -> None:
        """Set the slots to the values in `content`."""
        for slot, value in content.items():
            slot.__set__(self._value, value)


def _is_slot(value: object) -> bool:
    return isinstance(value, MemberDescriptorType)


def builtin_base(cls: type) -> Any:
    """Return the built-in container type that `cls` is or derives from, or None."""
    return next((base for base in (*MAPPINGS, *SEQUENCES) if issubclass(cls, base)), None)


def empty_like(value: Any) -> Any:
    """Return an empty container of the class of `value`."""
    base = builtin_base(type(value))
    empty = base.__new__(type(value))
    if base is defaultdict:
        defaultdict.__init__(empty, value.default_factory)
    elif base is deque:
        deque.__init__(empty, (), value.maxlen)
    return empty


def contents_of(container: Any) -> dict[Any, Any] | list[Any] | set[Any]:
    """Return the current contents of `container`: a dictionary if it has keys, otherwise a set or a list."""
    if isinstance(container, SlotAttributes):
        return dict(container.items())
    base = builtin_base(type(container))
    if base in MAPPINGS:
        return dict(base.items(container))
    return set(set.__iter__(container)) if base is set else list(base.__iter__(container))


def refill(container: Any, content: Iterable[Any]) -> None:
    """Replace the contents of `container` by `content`."""
    base: Any = SlotAttributes if isinstance(container, SlotAttributes) else builtin_base(type(container))
    base.clear(container)
    if base in (list, deque):
        base.extend(container, content)
    else:
        base.update(container, content)


def is_identical(container: Any, content: Any) -> bool:
    """Tell whether `container` holds exactly the objects of `content`, in the same order."""
    current = container if type(container) in (dict, list, OrderedDict) else contents_of(container)
    if len(current) != len(content):
        return False
    if isinstance(current, set):
        return bool(current == content)
    return are_same(current, content) and (
        not isinstance(current, dict) or are_same(current.values(), content.values())
    )


def are_same(objects: Collection[object], others: Collection[object]) -> bool:
    """Tell whether two collections hold the very same objects in the same order, without comparing any by value."""
    return len(objects) == len(others) and all(map(operator.is_, objects, others))


def signature(sources: Iterable[Any]) -> list[int]:
    """Return numbers that change with the objects in the containers and the values in the arrays of `sources`."""
    values: list[int] = []
    for source in sources:
        if isinstance(source, np.ndarray):
            values.append(
                hash(source.tobytes()) if source.nbytes <= MAX_HASHED_BYTES and not source.dtype.hasobject else 0
            )
            continue
        content = contents_of(source)
        values.append(len(content))
        values += map(id, content.values() if isinstance(content, dict) else content)
    return values
