"""The session state of Streamlit has one door, where each key is written once, with the type of what it holds."""

import ast
from collections import Counter
from collections.abc import Iterator

import pytest
import streamlit as st

import mirror_app.visualisations.core  # noqa: F401 - fills the registry
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.widget_state import ComponentValue, StateValue
from mirror_app.visualisations import registry
from tests import ROOT

DOOR = ROOT / "mirror_app" / "ui" / "state" / "widget_state.py"
FILES = sorted(path for folder in ("mirror_app", "pages") for path in (ROOT / folder).rglob("*.py"))


@pytest.fixture(autouse=True)
def _a_visit_of_its_own() -> Iterator[None]:
    st.session_state.clear()
    yield
    st.session_state.clear()


def lines_naming_the_session_state(source: str) -> list[int]:
    """The lines of code that name it, be it as an attribute, a name, an import or a text; docstrings do not count."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr="session_state") | ast.Name(id="session_state"):
                found.append(node.lineno)
            case ast.alias(name="session_state" | "SessionStateProxy") | ast.Constant(value="session_state"):
                found.append(node.lineno)
    return found


def test_one_module_names_the_session_state() -> None:
    named = {path: lines for path in FILES if (lines := lines_naming_the_session_state(path.read_text("utf-8")))}
    assert list(named) == [DOOR]


@pytest.mark.parametrize(
    "source",
    ["st.session_state['x'] = 1", "from streamlit import session_state", "import streamlit\nstreamlit.session_state",
     "getattr(st, 'session_state')"],
)  # fmt: skip
def test_every_way_to_name_it_is_noticed(source: str) -> None:
    assert lines_naming_the_session_state(source)


def test_no_two_values_share_a_key() -> None:
    fixed = [value.key for value in vars(widget_state).values() if isinstance(value, StateValue | ComponentValue)]
    params = {widget_state.param(entry, name).key for entry in registry.entries() for name in entry.params}
    families = [
        *params - {widget_state.TARGET.key},  # which the pickers of all visualisations share
        *(widget_state.band(colour).key for colour in ("red", "green", "blue")),
        *(family(number).key for family in (widget_state.uploads, widget_state.photograph) for number in range(3)),
        widget_state.layer_table("shapes").key,
        widget_state.tree_choice("layers").key,
    ]
    assert len(fixed) > 10
    assert widget_state.TARGET.key in params
    assert [key for key, count in Counter([*fixed, *families]).items() if count > 1] == []


def test_a_value_is_its_default_until_it_is_stored() -> None:
    size = StateValue("size", 72)
    assert (size.value, size.is_stored) == (72, False)
    assert size.setdefault(5) == size.value == st.session_state["size"] == 5
    assert size.setdefault(6) == 5
    size.value = 7
    assert (StateValue("size", 72).value, size.is_stored) == (7, True)
    size.forget()
    size.forget()
    assert (size.value, size.is_stored) == (72, False)


def test_what_is_stored_already_is_not_stored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[tuple[str, object]] = []
    door, store = type(st.session_state), type(st.session_state).__setitem__

    def noted(state: object, key: str, value: object) -> None:
        stored.append((key, value))
        store(state, key, value)  # type: ignore[arg-type]

    monkeypatch.setattr(door, "__setitem__", noted)
    size = StateValue("size", 72)
    size.set_if_changed(72)  # the default is not stored yet
    size.set_if_changed(72)
    size.set_if_changed(8)
    assert stored == [("size", 72), ("size", 8)]


def test_the_choices_of_one_page_are_forgotten_together() -> None:
    for name in ("compare.rows", "compare.input", "grad-cam.strength"):
        widget_state.choice(name).value = "x"
    widget_state.COMPARED_LAYERS_MODEL.value = "shapes"
    widget_state.forget_choices("compare")
    assert list(st.session_state) == ["grad-cam.strength"]
