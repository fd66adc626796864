"""A parameter's declaration becomes its widget."""

from collections.abc import Mapping, Sequence
from functools import singledispatch

import streamlit as st

from mirror_app.errors import MirrorError
from mirror_app.models import Model
from mirror_app.params import ClassPicker, Dropdown, Number, Parameter, Radio, Slider, Text, Toggle, Value
from mirror_app.ui.state.session import current, param_key, set_if_changed
from mirror_app.visualisations.registry import Entry


def draw_all(entry: Entry, parameters: Mapping[str, Parameter], model: Model) -> dict[str, Value]:
    """Draw the widgets of `parameters` and return their values; one whose condition is not met keeps what it had."""
    values: dict[str, Value] = {}
    for name, parameter in parameters.items():
        key = param_key(entry, name)
        values[name] = st.session_state.setdefault(key, parameter.default)
        if parameter.when is None or values.get(parameter.when[0]) == parameter.when[1]:
            values[name] = draw(parameter, key, model)
    return values


@singledispatch
def draw(parameter: Parameter, key: str, model: Model) -> Value:
    """Draw the widget of `parameter` under `key`, where its value already is, and return the value."""
    raise TypeError(f"There is no widget for a {type(parameter).__name__}.")


@draw.register
def _(parameter: Slider, key: str, model: Model) -> Value:
    number = int if parameter.whole else float
    low, high, step = number(parameter.min), number(parameter.max), number(parameter.step)
    shown = "%d" if parameter.whole else "%g"
    chosen: float = st.slider(
        parameter.label, low, high, step=step, format=shown, key=key, help=parameter.help, persist_state="session"
    )
    return chosen


@draw.register
def _(parameter: Number, key: str, model: Model) -> Value:
    number = int if parameter.whole else float
    low, high = (None if abs(end) == float("inf") else number(end) for end in (parameter.min, parameter.max))
    chosen: float = st.number_input(
        parameter.label, low, high, step=number(parameter.step), key=key, help=parameter.help, persist_state="session"
    )
    return chosen


@draw.register
def _(parameter: Text, key: str, model: Model) -> Value:
    return st.text_input(
        parameter.label, max_chars=parameter.longest, key=key, help=parameter.help, persist_state="session"
    )


@draw.register
def _(parameter: Dropdown, key: str, model: Model) -> Value:
    return st.selectbox(parameter.label, parameter.options, key=key, help=parameter.help, persist_state="session")


@draw.register
def _(parameter: Radio, key: str, model: Model) -> Value:
    return st.radio(parameter.label, parameter.options, key=key, help=parameter.help, persist_state="session")


@draw.register
def _(parameter: Toggle, key: str, model: Model) -> Value:
    return st.toggle(parameter.label, key=key, help=parameter.help, persist_state="session")


@draw.register
def _(parameter: ClassPicker, key: str, model: Model) -> Value:
    classes = model.classes
    try:
        set_if_changed(key, parameter.check(_called(st.session_state[key], classes)))
    except MirrorError as error:
        current().problems.append(str(error))
        st.session_state[key] = None
    if classes and isinstance(number := st.session_state[key], int) and number >= len(classes):
        current().problems.append(
            f"{parameter.label} cannot be {number}: the model has {len(classes)} {model.kind.nouns}, from 0 on."
        )
        st.session_state[key] = None
    chosen: Value = st.selectbox(
        parameter.label,
        range(len(classes)),
        index=None,
        format_func=lambda number: classes[number] if number in range(len(classes)) else str(number),
        placeholder=_default_target(model),
        accept_new_options=True,
        key=key,
        help=parameter.help,
        persist_state="session",
    )
    return chosen


def _default_target(model: Model) -> str:
    """Return what is explained where no target is chosen."""
    if model.kind.has_probabilities or model.labels:
        return "Top prediction"
    return "The number" if len(model.classes) == 1 else f"Choose a {model.kind.noun}, or type its number"


def _called(value: Value, classes: Sequence[str]) -> Value:
    """Return the class whose name was typed, whole or in part, as the list shows it; else the value as it is."""
    alike = [number for number, name in enumerate(classes) if isinstance(value, str) and value.lower() in name.lower()]
    return min(alike, key=lambda number: len(classes[number]), default=value)
