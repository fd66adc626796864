"""Reads parameters from the annotations of a function, checks their values and writes them as text."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_type_hints

from mirror_app.errors import MirrorError
from mirror_app.params.widgets import Number, Parameter, Value


def declared(function: Callable[..., object]) -> dict[str, Parameter]:
    """Return the parameters that the annotations of `function` declare, by name, in the order of its arguments."""
    arguments = inspect.signature(function).parameters
    parameters = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for declaration in getattr(hint, "__metadata__", ()):
            if isinstance(declaration, Parameter):
                label = declaration.label or name.replace("_", " ").capitalize()
                full: Parameter = replace(declaration, name=name, label=label, default=arguments[name].default)
                parameters[name] = full.annotated(hint.__origin__) if isinstance(full, Number) else full
    return parameters


def checked(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Value]:
    """Return the checked value of every parameter, or its default if it is not in `values`. May raise MirrorError."""
    for name in values:
        if name not in parameters:
            accepted = f"Accepted parameters: {', '.join(parameters)}." if parameters else "No parameter is accepted."
            raise MirrorError(f"There is no parameter '{name}'. {accepted}", culprit=name, accepted=tuple(parameters))
    return {name: parameter.check(values.get(name, parameter.default)) for name, parameter in parameters.items()}


def as_text(value: Value) -> str:
    """Return the text for `value` in a link, which `Parameter.parse` turns back into the same value."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return repr(value) if isinstance(value, float) else str(value)
