"""Widgets declared as dictionaries: {'type': 'slider', 'min': 1, 'max': 100, 'value': 2, 'step': 1, 'params': {}}."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mirror_app.errors import MirrorError
from mirror_app.params import TARGET, ClassPicker, Dropdown, Number, Parameter, Radio, Slider, Text, Toggle, Value

Element = Mapping[str, Any]
TYPES = ("slider", "textfield", "radio", "dropdown")


def parameter(name: str, element: Element, owner: str) -> Parameter:
    """Return the parameter that an element, the dictionary of a widget, declares.

    A radio whose value is a bool is a toggle. A textfield whose value is a number, or whose `params['type']` is
    "number", takes numbers. The element of an argument called "target_class" picks a class.

    Args:
        name: The name of the argument.
        element: The dictionary. Its `type` is one of `TYPES`. All types accept `value` (the default), `help` and
            `label`. A slider needs `min` and `max`, and accepts `step` (1 by default). A dropdown or radio needs
            `options`; without a `value`, the first option is the default.
        owner: The name of the visualisation, for error messages.

    Returns:
        The parameter, with `value` as its default.

    Raises:
        MirrorError: If the element is malformed, or its value is not accepted.

    Example:
        >>> from mirror_app.visualisations.elements import parameter
        >>> repeat = parameter("repeat", {"type": "slider", "min": 1, "max": 100, "value": 2, "step": 1}, "Repeat")
        >>> repeat.default, repeat.min, repeat.max
        (2, 1, 100)
    """
    if not isinstance(element, Mapping):
        raise MirrorError(
            f"{owner}: the element of '{name}' must be a dictionary, not a {type(element).__name__}.",
            culprit=name,
            accepted="a dictionary",
        )
    kind = element.get("type")
    if kind not in TYPES:
        raise MirrorError(
            f"{owner}: the type of '{name}' must be one of {', '.join(TYPES)}, not {kind!r}.",
            culprit=str(kind),
            accepted=TYPES,
        )
    common = {
        "help": element.get("help", ""),
        "label": element.get("label", ""),
        "name": name,
        "default": element.get("value"),
    }
    try:
        declared = _declared(name, kind, element, common)
    except KeyError as error:
        problem = f"{owner}: the {kind} of '{name}' needs {error}."
        raise MirrorError(problem, culprit=name, accepted=f"an element with {error}") from error
    try:
        return replace(declared, default=declared.check(declared.default))
    except MirrorError as error:
        raise error.prefixed(f"{owner}: the value of ") from error


def _declared(name: str, kind: str, element: Element, common: dict[str, Any]) -> Parameter:
    value: Value = common["default"]
    if name == TARGET:
        return ClassPicker(**common)
    match kind:
        case "slider":
            return Slider(**common, min=element["min"], max=element["max"], step=element.get("step", 1))
        case "textfield" if element.get("params", {}).get("type") == "number" or isinstance(value, int | float):
            return Number(**{**common, "default": 0 if value is None else value})
        case "textfield":
            return Text(**{**common, "default": "" if value is None else value})
        case "radio" if isinstance(value, bool):
            return Toggle(**common)
        case _:
            choice = Radio if kind == "radio" else Dropdown
            options = tuple(element["options"])
            return choice(**{**common, "default": options[0] if value is None else value}, options=options)
