"""The kinds of parameters, each named after its widget on the page."""

import math
import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, get_args

from mirror_app import targets
from mirror_app.errors import MirrorError

Value = bool | int | float | str | None
TARGET = "target_class"  # the name of the argument for the target, the same in every visualisation with a target


@dataclass(frozen=True)
class Parameter(ABC):
    """The declaration of a parameter, and the base class of all widgets.

    Args:
        help: A sentence that says what the parameter does; it is the widget's tooltip.
        label: The widget's label; by default, the argument's name with spaces and a capital.
        when: The name of another parameter and some of its values, as (name, value, …). The widget is shown only while
            that parameter has one of these values.
        name: The argument's name, which `declared` fills in.
        default: The argument's default, which `declared` fills in.
    """

    help: str
    label: str = ""
    when: tuple[Value, ...] | None = None
    name: str = ""
    default: Value = None
    expected: ClassVar[str] = "a value"

    @abstractmethod
    def check(self, value: Value) -> Value:
        """Return `value` in the type that the computation expects; raise MirrorError if it is not accepted."""

    def parse(self, text: str) -> Value:
        """Return the value that `text` stands for in a link or a command; raise MirrorError if it is not accepted."""
        return self.check(text)

    def accepts(self) -> str:
        """Return a short description of the accepted values, such as “a number from 0 to 1”."""
        return self.expected

    def refuse(self, value: object, options: tuple[str, ...] = ()) -> MirrorError:
        """Return the error that names the parameter, the refused `value` and the accepted values."""
        expected = self.accepts()
        problem = f"{self.name} must be {expected}, not {_shown(value)}."
        return MirrorError(problem, culprit=str(value), accepted=options or expected)


@dataclass(frozen=True)
class Number(Parameter):
    """A number typed into a field.

    The number is whole if the argument is annotated as an `int`, and a float if the annotation is `float`. Without
    such an annotation, the number is whole if both its default and `step` are.

    Args:
        min: The smallest accepted value.
        max: The largest accepted value.
        step: The change for one press of the field's buttons.
        annotation: `int` or `float`, which `declared` fills in.

    Example:
        >>> from mirror_app.params import Number
        >>> sigma = Number("The standard deviation of the noise.", name="sigma", min=0, step=0.1, default=0.5)
        >>> sigma.check(2)
        2.0
        >>> sigma.accepts()
        'a number of 0 or more'
    """

    min: float = -math.inf
    max: float = math.inf
    step: float = 1
    annotation: type[int] | type[float] | None = None

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are accepted."""
        if self.annotation is None:
            return isinstance(self.default, int) and isinstance(self.step, int)
        return self.annotation is int

    def annotated(self, annotation: object) -> "Number":
        """Return this declaration with its type, default and step adapted to `annotation`, a type or its name."""
        named = get_args(annotation) or (annotation,)
        kind = next((kind for kind in (float, int) if kind in named or kind.__name__ in named), None)
        if kind is None:
            return self
        step = max(1, round(self.step)) if kind is int else self.step
        number = replace(self, annotation=kind, step=step)
        try:
            return replace(number, default=number.check(self.default))
        except MirrorError:  # the error is raised when the default is used, as for every other parameter
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
        if math.isinf(self.min) or math.isinf(self.max):
            end, direction = (self.min, "more") if math.isinf(self.max) else (self.max, "less")
            return f"{kind} of {_exact(end)} or {direction}"
        return f"{kind} from {_exact(self.min)} to {_exact(self.max)}"


@dataclass(frozen=True)
class Slider(Number):
    """A number chosen with a slider.

    Args:
        min: The left end of the slider.
        max: The right end of the slider.
        step: The distance between two values. Values from Python or a link may lie between them.

    Example:
        >>> from typing import Annotated
        >>> from mirror_app.params import Slider, declared
        >>> def blur(image, *, radius: Annotated[int, Slider("The radius in pixels.", min=1, max=9, step=1)] = 3): ...
        >>> radius = declared(blur)["radius"]
        >>> radius.label, radius.default, radius.accepts()
        ('Radius', 3, 'a whole number from 1 to 9')
    """

    min: float = 0
    max: float = 1
    step: float = 0.05


@dataclass(frozen=True)
class Text(Parameter):
    """A short text typed into a field.

    Args:
        longest: The largest accepted number of characters.

    Example:
        >>> from mirror_app.params import Text
        >>> Text("The title of the figure.", name="title", longest=20).check("Evidence")
        'Evidence'
    """

    longest: int = 200

    def check(self, value: Value) -> Value:
        if not isinstance(value, str) or len(value) > self.longest:
            raise self.refuse(value)
        return value

    def accepts(self) -> str:
        return f"a text of at most {self.longest} characters"


@dataclass(frozen=True)
class Location(Text):
    """A location in the picture, "row,column" in pixels of the model's input, or "".

    On Explore, the visitor can click the picture to choose it.

    Example:
        >>> from mirror_app.params import Location
        >>> Location("Shows what this location looks at.", name="location", longest=20).check("12,20")
        '12,20'
    """


@dataclass(frozen=True)
class Dropdown(Parameter):
    """One of several options, chosen from a drop-down list.

    Args:
        options: The accepted texts.

    Example:
        >>> from mirror_app.errors import MirrorError
        >>> from mirror_app.params import Dropdown
        >>> norm = Dropdown("How channels are combined.", name="norm", options=("mean", "max"))
        >>> norm.check("max")
        'max'
        >>> try:
        ...     norm.check("maxx")
        ... except MirrorError as error:
        ...     print(error)
        norm must be mean or max, not 'maxx'. Did you mean 'max'?
    """

    options: tuple[str, ...] = ()

    def check(self, value: Value) -> Value:
        if value not in self.options:
            raise self.refuse(value, self.options)
        return value

    def accepts(self) -> str:
        return " or ".join(filter(None, (", ".join(self.options[:-1]), *self.options[-1:])))


@dataclass(frozen=True)
class Radio(Dropdown):
    """One of several options, all of which are visible; it takes the arguments of `Dropdown`.

    Example:
        >>> from mirror_app.params import Radio
        >>> Radio("The rule for ReLU.", name="rule", options=("plain", "guided")).parse("guided")
        'guided'
    """


@dataclass(frozen=True)
class Toggle(Parameter):
    """A switch: True or False, which links and the command line write as 'on' and 'off'.

    Example:
        >>> from mirror_app.params import Toggle
        >>> Toggle("Whether to multiply by the input.", name="times_input").parse("on")
        True
    """

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
    """The target to explain: a class or another quantity inside the model.

    None stands for the most likely class, a whole number for a class, and a text for any target that `targets.parse`
    accepts. On the page, a class can be chosen by its name.

    Example:
        >>> from mirror_app.params import ClassPicker
        >>> target = ClassPicker("What is explained.", name="target_class")
        >>> target.check(None), target.check(207), target.parse("207"), target.parse("features.8:3")
        (None, 207, 207, 'features.8:3')
    """

    expected: ClassVar[str] = f"the number of a class (from 0) or a target such as {targets.EXAMPLES}"

    def check(self, value: Value) -> Value:
        if value is None:
            return None
        if isinstance(value, str):
            return self.parse(value)
        try:
            number = operator.index(value)  # type: ignore[arg-type]  # takes NumPy integers and one-element tensors
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


def _exact(number: float) -> str:
    """Return a bound as text; a whole number is written with all its digits, such as 2147483647."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, int | float) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
