"""A request is one to one with the query of a link and with a JSON object, whatever its visualisation."""

import json
from urllib.parse import parse_qsl, urlencode

import pytest

from mirror_app.engine import links
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.params import ClassPicker, Dropdown, Number, Parameter, Text, Toggle, Value, as_text, checked
from mirror_app.visualisations import registry
from tests import ROOT
from tests.refused import refused

ENTRIES = registry.entries()
OLD_LINKS = json.loads((ROOT / "tests" / "data" / "old_links.json").read_text(encoding="utf-8"))
LAYERS = ("", "*", "features.4", "a layer & more")
KINDS = ("", "labels", "numbers")
BASE = {"model": "shapes", "input": "checked-heart", "layer": "features", "visualisation": "grad-cam", "v": "2"}


def changed(parameter: Parameter) -> list[Value]:
    """Values of a parameter other than its default, among them the awkward ones."""
    candidates: list[Value]
    match parameter:
        case Toggle():
            candidates = [True, False]
        case ClassPicker():
            candidates = [0, 999, "features.8:3", ":out:7@100,300"]
        case Dropdown():
            candidates = [*parameter.options]
        case Text():
            candidates = ["é &=?#%+", ""]
        case Number(whole=True):
            candidates = [parameter.min, parameter.max, 7]
        case Number():
            candidates = [parameter.min, parameter.max, 0.1 + 0.2, 1e-9, 1.0]
        case _:
            raise AssertionError(f"No values are known for {type(parameter).__name__}.")
    return [value for candidate in candidates if (value := accepted(parameter, candidate)) != parameter.default]


def accepted(parameter: Parameter, value: Value) -> Value:
    """The checked value, or the default where it is not accepted, such as a bound that is infinite."""
    try:
        return parameter.check(value)
    except MirrorError:
        return parameter.default


def requests(entry: registry.Entry) -> list[Request]:
    """With each parameter alone at each of its values, and with all of them at once."""
    values = {name: changed(parameter) for name, parameter in entry.params.items()}
    alone: list[dict[str, Value]] = [{name: value} for name, others in values.items() for value in others]
    together: list[dict[str, Value]] = [
        {name: others[number % len(others)] for name, others in values.items()} for number in range(4)
    ]
    return [
        Request("shapes", "checked-heart", LAYERS[number % 4], entry.key, entry.canonical(params), KINDS[number % 3])
        for number, params in enumerate([{}, *alone, *together])
    ]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_a_request_comes_back_from_its_link_and_from_its_file(entry: registry.Entry) -> None:
    assert all(changed(parameter) for parameter in entry.params.values())
    made = requests(entry)
    assert set(dict(made[-1].params)) == set(entry.params)
    for request in made:
        link = urlencode(request.to_query())
        for again in (
            Request.from_query(dict(parse_qsl(link, keep_blank_values=True))),
            Request.from_json(json.loads(json.dumps(request.to_json()))),
        ):
            assert again == request
            assert [type(value) for _, value in again.params] == [type(value) for _, value in request.params]
    assert len({urlencode(request.to_query()) for request in made}) == len(set(made))


@pytest.mark.parametrize("link", OLD_LINKS, ids=lambda link: link["link"][1:60])
def test_an_old_link_is_the_request_of_its_time(link: dict[str, object]) -> None:
    request = Request.from_query(dict(parse_qsl(str(link["link"])[1:])))
    values = checked(registry.get(request.visualisation).params, dict(request.params))
    assert {name: as_text(value) for name, value in values.items() if value is not None} == link["values"]


def test_what_belongs_to_a_page_is_no_part_of_the_request_and_a_default_is_left_out() -> None:
    query = {**BASE, "strength": "0.6", "compare.rows": "layer"}
    assert Request.from_query(query) == Request("shapes", "checked-heart", "features", "grad-cam")
    assert links.split(query).choices == {"compare.rows": "layer"}


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"visualisation": "grad-kam"}, "grad-kam"),
        ({"strength": "much"}, "much"),
        ({"strenght": "0.3"}, "strenght"),
        ({"output-kind": "label"}, "label"),
        ({"layer": None}, "layer"),
        ({"input": None}, "input"),
    ],
)
def test_a_link_that_is_wrong_is_refused_and_the_culprit_named(change: dict[str, str | None], culprit: str) -> None:
    query = {name: text for name, text in {**BASE, **change}.items() if text is not None}
    with refused(culprit):
        Request.from_query(query)


@pytest.mark.parametrize(("change", "culprit"), [({"model": None}, "model"), ({"modle": "shapes"}, "modle")])
def test_a_file_that_is_wrong_is_refused_and_the_culprit_named(change: dict[str, str | None], culprit: str) -> None:
    record = Request.from_query(BASE).to_json() | change
    with refused(culprit):
        Request.from_json({name: value for name, value in record.items() if value is not None})
