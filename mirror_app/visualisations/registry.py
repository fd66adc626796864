"""The visualisations that there are, each with the parameters that it declares."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any, TypeVar

from mirror_app.errors import MirrorError, nearest
from mirror_app.params import Parameter, Value, checked, declared

Kind = TypeVar("Kind", bound=type)

_SECTION = re.compile(r"^(?:Args|Returns|Raises|Examples?|References|Deviations from the paper):$", re.MULTILINE)


class Question(Enum):
    """What a visualisation answers: the question in plain words, and other words in which people ask it."""

    WHERE = "Where did the model look for its answer?", "why, explain, explanation, attribution, localisation, heatmap"
    PIXELS = "Which pixels made it say so?", "why, explain, explanation, pixel attribution, feature importance, heatmap"
    FINDS = "What does a layer find in this picture?", "representation, intermediate features"
    LIKENESS = "What does a filter or a class look like to it?", "feature visualisation, features"

    def __init__(self, text: str, also: str) -> None:
        self.text, self.also = text, also


@dataclass(frozen=True)
class Entry:
    """A visualisation as it is offered: its key in a link, what it is called, and what can be turned.

    `use` and `avoid` say when to take it, and when not; `asks` is the question that it answers, and `also` by which
    other names people look for it. `method_params` are the parameters of the computation, `render_params`
    those of its look, which cost no computation, and `transform_params` those that every visualisation has.
    """

    key: str
    name: str
    kind: type[Any]
    paper: str
    method_params: Mapping[str, Parameter]
    render_params: Mapping[str, Parameter]
    transform_params: Mapping[str, Parameter] = field(default_factory=dict)
    use: str = ""
    avoid: str = ""
    asks: Question | None = None
    also: str = ""

    @property
    def summary(self) -> str:
        """The first sentence of the visualisation's docstring."""
        return re.split(r"(?<=\.)\s", inspect.getdoc(self.kind) or "")[0]

    @property
    def description(self) -> str:
        """The visualisation's docstring up to its first section, such as `Args:`."""
        return _SECTION.split(inspect.getdoc(self.kind) or "")[0].strip()

    @property
    def scaled(self) -> bool:
        """Whether its look can share one scale with other pictures."""
        return "vmax" in inspect.signature(self.kind.look).parameters

    @property
    def params(self) -> dict[str, Parameter]:
        return {**self.method_params, **self.transform_params, **self.render_params}

    def canonical(self, given: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
        """Return the checked parameters that differ from their defaults, by name: the form that a Request holds."""
        full = checked(self.params, given)
        return tuple(sorted((name, value) for name, value in full.items() if value != self.params[name].default))

    def parse(self, name: str, text: str) -> Value:
        """Read the parameter `name` from the text of a link; raise MirrorError."""
        if name not in self.params:
            raise MirrorError(f"{self.name} has no parameter '{name[:40]}'.{nearest(name, self.params)}")
        return self.params[name].parse(text)


_guard = Lock()  # several threads may show things of their own, while pages look for theirs
_entries: dict[str, Entry] = {}
_temporary: dict[str, Entry] = {}  # found by their key, and not among `entries`


def visualisation(
    name: str, paper: str = "", use: str = "", avoid: str = "", asks: Question | None = None, also: str = ""
) -> Callable[[Kind], Kind]:
    """Offer the decorated `Visualisation` under `name`; raise MirrorError where that name is taken, naming both.

    `paper` is its reference; `use` and `avoid` tell a reader when to take it, and when not; `asks` is the question that
    it answers, and `also` other names for it. The parameters are read off the annotations of its `attribute` and its
    look.
    """

    def register(kind: Kind) -> Kind:
        key = key_of(name)
        parts = declared(kind.attribute), declared(kind.look), declared(kind.frames)  # type: ignore[attr-defined]
        with _guard:
            entry = _entries.setdefault(key, Entry(key, name, kind, paper, *parts, use, avoid, asks, also))
        if entry.kind is not kind:
            old = entry.kind
            raise MirrorError(
                f"The name '{name}' is taken twice: by {old.__module__}.{old.__qualname__} "
                f"and by {kind.__module__}.{kind.__qualname__}."
            )
        return kind

    return register


def key_of(name: str) -> str:
    """Return the key in a link of what is called `name`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("+", "-plus")).strip("-")


def register_temporary(entries: Iterable[Entry]) -> None:
    """Let `get` find the visualisations of one Python session, which are not offered to others."""
    with _guard:
        _temporary.update({entry.key: entry for entry in entries})


def unregister(entries: Iterable[Entry]) -> None:
    """Forget visualisations that `register_temporary` added."""
    with _guard:
        for entry in entries:
            _temporary.pop(entry.key, None)


def entries() -> list[Entry]:
    """Return all visualisations in the order in which they were registered."""
    with _guard:
        return list(_entries.values())


def get(key: str) -> Entry:
    """Return the visualisation of that key or name; raise MirrorError with the nearest."""
    offered = entries()
    with _guard:
        temporary = list(_temporary.values())
    for entry in (*offered, *temporary):
        if key in (entry.key, entry.name):
            return entry
    some = ", ".join(entry.name for entry in offered[:5])
    hint = nearest(key, [entry.key for entry in offered]) or f" There are {len(offered)}: {some} …"
    raise MirrorError(f"There is no visualisation '{key[:80]}'.{hint}")
