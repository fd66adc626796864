"""A parameter is declared once, beside the argument it belongs to, and everything else follows from that.

    def attribute(self, inputs, layer, *, strength: Annotated[float, Slider("How opaque.", max=1)] = 0.5): ...

The declaration gives the argument's check, its widget on the page, its help, and its part of a link and of a cache key.
"""

import inspect
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, get_args, get_type_hints

from mirror_app import targets
from mirror_app.errors import MirrorError, nearest

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Parameter(ABC):
    """What all parameters share; `name` and `default` are filled in from the argument that is annotated."""

    help: str
    label: str = ""
    when: tuple[str, Value] | None = None
    name: str = ""
    default: Value = None
    expected: ClassVar[str] = "a value"

    @abstractmethod
    def check(self, value: Value) -> Value:
        """Return `value` as the computation wants it; raise MirrorError when it cannot be accepted."""

    def parse(self, text: str) -> Value:
        """Read a value from the text of a link or of a command line; raise MirrorError when it cannot be accepted."""
        return self.check(text)

    def accepts(self) -> str:
        """Return what is accepted, in a few words."""
        return self.expected

    def refuse(self, value: object, hint: str = "") -> MirrorError:
        """Return the error that names this parameter, the value and what would be accepted."""
        return MirrorError(f"{self.name} cannot be {_shown(value)}: {self.accepts()} is needed.{hint}")


@dataclass(frozen=True)
class Number(Parameter):
    """A number typed in: whole if the argument is annotated as an `int`, not if as a `float`.

    Where no annotation decides, it is whole if its default and its step are.
    """

    min: float = -math.inf
    max: float = math.inf
    step: float = 1
    annotation: type[int] | type[float] | None = None

    @property
    def whole(self) -> bool:
        if self.annotation is None:
            return isinstance(self.default, int) and isinstance(self.step, int)
        return self.annotation is int

    def annotated(self, annotation: object) -> "Number":
        """Return this number with the type that `annotation` names, and with its default and step in that type."""
        named = get_args(annotation) or (annotation,)
        kind = next((kind for kind in (float, int) if kind in named or kind.__name__ in named), None)
        if kind is None:
            return self
        step = max(1, round(self.step)) if kind is int else self.step
        number = replace(self, annotation=kind, step=step)
        try:
            return replace(number, default=number.check(self.default))
        except MirrorError:  # raised where the default is used, as for every other parameter
            return number

    def check(self, value: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.refuse(value)
        if not self.min <= value <= self.max or (self.whole and value != int(value)):
            raise self.refuse(value)
        return int(value) if self.whole else float(value)

    def parse(self, text: str) -> Value:
        try:
            return self.check(int(text) if self.whole else float(text))
        except ValueError:
            raise self.refuse(text) from None

    def accepts(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if math.isinf(self.min) and math.isinf(self.max):
            return kind
        return f"{kind} from {self.min:g} to {self.max:g}"


@dataclass(frozen=True)
class Slider(Number):
    """A number chosen with a slider, from `min` to `max` in steps of `step`."""

    min: float = 0
    max: float = 1
    step: float = 0.05


@dataclass(frozen=True)
class Text(Parameter):
    """A short text typed in."""

    longest: int = 200

    def check(self, value: Value) -> Value:
        if not isinstance(value, str) or len(value) > self.longest:
            raise self.refuse(value)
        return value

    def accepts(self) -> str:
        return f"a text of at most {self.longest} characters"


@dataclass(frozen=True)
class Dropdown(Parameter):
    """One of a few named choices, from a list that opens."""

    options: tuple[str, ...] = ()

    def check(self, value: Value) -> Value:
        if value not in self.options:
            raise self.refuse(value, nearest(str(value), self.options))
        return value

    def accepts(self) -> str:
        return f"one of {', '.join(self.options)}"


@dataclass(frozen=True)
class Radio(Dropdown):
    """One of a few named choices, all of them in sight."""


@dataclass(frozen=True)
class Toggle(Parameter):
    """On or off."""

    expected: ClassVar[str] = "on or off"

    def check(self, value: Value) -> Value:
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value

    def parse(self, text: str) -> Value:
        if text not in ("on", "off"):
            raise self.refuse(text)
        return text == "on"


@dataclass(frozen=True)
class ClassPicker(Parameter):
    """What is asked of the model: None is its most likely class, a number a class, a text what `targets` reads."""

    expected: ClassVar[str] = f"the number of a class, from 0, or a target such as {targets.EXAMPLES}"

    def check(self, value: Value) -> Value:
        if value is None:
            return None
        if isinstance(value, str):
            return self.parse(value)
        try:
            number = operator.index(value)  # type: ignore[arg-type]  # NumPy's integers and tensors of one whole number, too
        except TypeError:
            raise self.refuse(value) from None
        if isinstance(value, bool) or number < 0:
            raise self.refuse(value)
        return number

    def parse(self, text: str) -> Value:
        try:
            target = targets.parse(text)
        except MirrorError:
            raise self.refuse(text) from None
        return target.channel if target.is_class else str(target)


def declared(function: Callable[..., object]) -> dict[str, Parameter]:
    """Return the parameters that the annotations of `function` declare, by name, in the order of its arguments."""
    arguments = inspect.signature(function).parameters
    found = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for mark in getattr(hint, "__metadata__", ()):
            if isinstance(mark, Parameter):
                label = mark.label or name.replace("_", " ").capitalize()
                known: Parameter = replace(mark, name=name, label=label, default=arguments[name].default)
                found[name] = known.annotated(hint.__origin__) if isinstance(known, Number) else known
    return found


def checked(parameters: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Value]:
    """Return every parameter's value, the given ones checked and the others at their default; raise MirrorError."""
    for name in given:
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise MirrorError(f"There is no parameter '{name}': there are {known}.{nearest(name, parameters)}")
    return {name: known.check(given.get(name, known.default)) for name, known in parameters.items()}


def as_text(value: Value) -> str:
    """Return the text of `value` in a link: `Parameter.parse` reads it back to the same value."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return repr(value) if isinstance(value, float) else str(value)


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, int | float) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
