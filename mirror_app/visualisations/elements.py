"""Widgets declared as dictionaries: {'type': 'slider', 'min': 1, 'max': 100, 'value': 2, 'step': 1, 'params': {}}."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mirror_app.errors import MirrorError, nearest
from mirror_app.params import ClassPicker, Dropdown, Number, Parameter, Radio, Slider, Text, Toggle, Value

Element = Mapping[str, Any]
TYPES = ("slider", "textfield", "radio", "dropdown")


def parameter(name: str, said: Element, where: str) -> Parameter:
    """Return the parameter `name` that an element declares, its `value` as default; raise MirrorError.

    `where` is how a sentence says whose element it is. A radio whose value is True or False is a toggle, a textfield
    whose value or `params['type']` is a number takes numbers, and one that is called target_class picks a class.
    """
    if not isinstance(said, Mapping):
        raise MirrorError(f"{where}: the element of '{name}' is a {type(said).__name__}, where a dictionary is needed.")
    kind = said.get("type")
    if kind not in TYPES:
        raise MirrorError(
            f"{where}: the type of '{name}' cannot be {kind!r}: one of {', '.join(TYPES)} is needed."
            f"{nearest(str(kind), TYPES)}"
        )
    shared = {"help": said.get("help", ""), "label": said.get("label", ""), "name": name, "default": said.get("value")}
    try:
        declared = _declared(name, kind, said, shared)
    except KeyError as error:
        raise MirrorError(f"{where}: the {kind} of '{name}' needs {error}.") from error
    try:
        return replace(declared, default=declared.check(declared.default))
    except MirrorError as error:
        raise MirrorError(f"{where}: the value of {error}") from error


def _declared(name: str, kind: str, said: Element, shared: dict[str, Any]) -> Parameter:
    value: Value = shared["default"]
    if name == "target_class":
        return ClassPicker(**shared)
    match kind:
        case "slider":
            return Slider(**shared, min=said["min"], max=said["max"], step=said.get("step", 1))
        case "textfield" if said.get("params", {}).get("type") == "number" or isinstance(value, int | float):
            return Number(**{**shared, "default": 0 if value is None else value})
        case "textfield":
            return Text(**{**shared, "default": "" if value is None else value})
        case "radio" if isinstance(value, bool):
            return Toggle(**shared)
        case _:
            choices = Radio if kind == "radio" else Dropdown
            options = tuple(said["options"])
            return choices(**{**shared, "default": options[0] if value is None else value}, options=options)
