"""The widgets of parameters, drawn from their declarations."""

from collections.abc import Mapping
from functools import singledispatch

import streamlit as st

from mirror_app import targets
from mirror_app.errors import MirrorError
from mirror_app.models import Model
from mirror_app.models.text_encoder import text_target
from mirror_app.params import ClassPicker, Dropdown, Number, Parameter, Radio, Slider, Text, Toggle, Value
from mirror_app.probe.output_kind import OutputKind
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import current
from mirror_app.ui.state.widget_state import StateValue
from mirror_app.visualisations.registry import Entry


def draw_all(entry: Entry, parameters: Mapping[str, Parameter], model: Model) -> dict[str, Value]:
    """Draw the widgets of `parameters` and return their values; a parameter whose widget is hidden keeps its value."""
    values: dict[str, Value] = {}
    for name, parameter in parameters.items():
        state = widget_state.param(entry, name)
        values[name] = state.setdefault(parameter.default)
        if parameter.when is None or values.get(str(parameter.when[0])) in parameter.when[1:]:
            values[name] = draw(parameter, state, model)
    return values


def chosen(entry: Entry, parameters: Mapping[str, Parameter]) -> dict[str, Value]:
    """Return the values of `parameters` as they were chosen on other pages, without drawing their widgets."""
    return {name: widget_state.param(entry, name).value for name in parameters}


@singledispatch
def draw(parameter: Parameter, state: StateValue[Value], model: Model) -> Value:
    """Draw the widget of a parameter, whose value is in `state`, and return its value."""
    raise TypeError(f"There is no widget for a {type(parameter).__name__}.")


@draw.register
def _(parameter: Slider, state: StateValue[Value], model: Model) -> Value:
    number = int if parameter.whole else float
    low, high, step = number(parameter.min), number(parameter.max), number(parameter.step)
    number_format = "%d" if parameter.whole else "%g"
    value: float = st.slider(
        parameter.label,
        low,
        high,
        step=step,
        format=number_format,
        key=state.key,
        help=parameter.help,
        persist_state="session",
    )
    return value


@draw.register
def _(parameter: Number, state: StateValue[Value], model: Model) -> Value:
    number = int if parameter.whole else float
    low, high = (None if abs(end) == float("inf") else number(end) for end in (parameter.min, parameter.max))
    value: float = st.number_input(
        parameter.label,
        low,
        high,
        step=number(parameter.step),
        key=state.key,
        help=parameter.help,
        persist_state="session",
    )
    return value


@draw.register
def _(parameter: Text, state: StateValue[Value], model: Model) -> Value:
    return st.text_input(
        parameter.label, max_chars=parameter.longest, key=state.key, help=parameter.help, persist_state="session"
    )


@draw.register
def _(parameter: Dropdown, state: StateValue[Value], model: Model) -> Value:
    return st.selectbox(parameter.label, parameter.options, key=state.key, help=parameter.help, persist_state="session")


@draw.register
def _(parameter: Radio, state: StateValue[Value], model: Model) -> Value:
    return st.radio(parameter.label, parameter.options, key=state.key, help=parameter.help, persist_state="session")


@draw.register
def _(parameter: Toggle, state: StateValue[Value], model: Model) -> Value:
    return st.toggle(parameter.label, key=state.key, help=parameter.help, persist_state="session")


@draw.register
def _(parameter: ClassPicker, state: StateValue[Value], model: Model) -> Value:
    classes = model.classes
    try:
        value = state.value
        state.set_if_changed(parameter.check(_entered(value, model) if isinstance(value, str) else value))
    except MirrorError:
        current().problems.append(str(targets.unknown(str(state.value), classes)))
        state.value = None
    if classes and isinstance(number := state.value, int) and number >= len(classes):
        current().problems.append(
            f"No {model.kind.noun} {number}: {model.kind.nouns} run from 0 to {len(classes) - 1}."
        )
        state.value = None
    chosen: Value = st.selectbox(
        parameter.label,
        range(len(classes)),
        index=None,
        format_func=lambda number: classes[number] if number in range(len(classes)) else str(number),
        placeholder=_placeholder(model),
        accept_new_options=True,
        key=state.key,
        help=parameter.help,
        persist_state="session",
    )
    return chosen


def _entered(text: str, model: Model) -> str:
    """Return the target that a visitor entered, with numbers instead of names; a model may read other words."""
    numbered = targets.with_numbers(text, model.classes)
    return text_target(numbered) if model.text_encoder else numbered


def _placeholder(model: Model) -> str:
    """Return the name of the default target."""
    if model.kind.has_probabilities or model.labels:
        return "Top prediction"
    noun = "output" if model.kind is OutputKind.NUMBERS else model.kind.noun
    article = "an" if noun == "output" else "a"
    return f"The only {noun}" if len(model.classes) == 1 else f"Choose {article} {noun}, or enter its index"
