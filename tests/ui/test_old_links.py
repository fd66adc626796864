"""Links that were made before links had a version open the view of that time."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import mirror_app.visualisations.core  # noqa: F401 - fills the registry
from mirror_app.engine import old_links
from mirror_app.engine.links import VERSION
from mirror_app.engine.request import Request
from mirror_app.params import as_text
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session, _apply_query
from mirror_app.visualisations import registry
from tests import ROOT

YOUNGER = {"legrad", "attention-relevance", "finer-cam"}  # than the version in links
LINKS = json.loads((ROOT / "tests" / "data" / "old_links.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _a_visit_of_its_own() -> Iterator[None]:
    st.session_state.clear()
    yield
    st.session_state.clear()


def opened(query: dict[str, str]) -> tuple[Session, dict[str, str]]:
    """What the visitor then has: the session, and each parameter's value as a link writes it."""
    session = Session()
    _apply_query(query, session)
    entry = registry.get(st.session_state["visualisation"])
    values = {name: widget_state.param(entry, name).value for name in entry.params}
    return session, {name: as_text(value) for name, value in values.items() if value is not None}


def test_there_are_sixty_of_all_visualisations() -> None:
    assert len({link["link"] for link in LINKS}) == 60
    keys = {dict(parse_qsl(link["link"][1:]))["visualisation"] for link in LINKS}
    assert keys == {entry.key for entry in registry.entries()} - YOUNGER


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link["link"][1:60])
def test_an_old_link_opens_the_view_of_its_time(link: dict[str, object]) -> None:
    query = dict(parse_qsl(str(link["link"])[1:]))
    session, values = opened(query)
    assert session.problems == []
    assert values == link["values"]
    assert session.linked_layer == query["layer"]
    assert session.picture == query["input"]
    model = query["model"].removesuffix("-untrained")
    assert (st.session_state.model, st.session_state.untrained) == (model, model != query["model"])


@pytest.mark.parametrize("key", old_links.FORMER_DEFAULTS)
def test_a_new_link_opens_with_the_defaults_of_today(key: str) -> None:
    entry = registry.get(key)
    _, values = opened(Request("shapes", "checked-heart", "features", key).to_query())
    assert values == {
        name: as_text(parameter.default) for name, parameter in entry.params.items() if parameter.default is not None
    }
    _, former = opened({"visualisation": key})
    assert former == values | dict(old_links.FORMER_DEFAULTS[key])
    assert VERSION == "2"


def test_a_link_to_a_dream_without_a_layer_begins_where_it_did_when_it_was_made() -> None:
    query = {"model": "resnet18-untrained", "visualisation": "deep-dream"}
    for more, layer in (({}, "layer4"), ({"v": VERSION}, "layer3"), ({"layer": "layer2"}, "layer2")):
        test = AppTest.from_file(str(ROOT / "mirror_app" / "main.py"), default_timeout=90)
        for name, value in {**query, **more}.items():
            test.query_params[name] = value
        test.switch_page("../pages/dream.py").run()
        assert not test.exception
        request = test.session_state.mirror.request
        assert (request.visualisation, request.layer) == ("deep-dream", layer)
        test.run()
        assert test.session_state.mirror.request == request  # the address holds it now
