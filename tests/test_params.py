"""One declaration gives the check, the text of a link, and the default."""

from typing import Annotated

import pytest

from mirror_app.engine.request import Request
from mirror_app.params import ClassPicker, Number, Radio, Slider, Text, Toggle, Value, as_text, checked, declared
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import Activations, GradCam
from tests.refused import refused


def example(
    inputs: object,
    *,
    steps: Annotated[int, Slider("How many.", min=1, max=100, step=1)] = 10,
    rate: Annotated[float, Number("How fast.", min=0)] = 0.1,
    kind: Annotated[str, Radio("Which.", options=("plain", "guided"))] = "plain",
    name: Annotated[str, Text("A name.", longest=5)] = "",
    sharp: Annotated[bool, Toggle("Or not.")] = False,
    target_class: Annotated[int | None, ClassPicker("Of what.", "Class")] = None,
    undeclared: int = 3,
) -> None: ...


PARAMETERS = declared(example)


def test_what_is_annotated_is_declared_with_its_name_label_and_default() -> None:
    assert list(PARAMETERS) == ["steps", "rate", "kind", "name", "sharp", "target_class"]
    assert (PARAMETERS["steps"].label, PARAMETERS["target_class"].label) == ("Steps", "Class")
    assert checked(PARAMETERS, {}) == {
        "steps": 10, "rate": 0.1, "kind": "plain", "name": "", "sharp": False, "target_class": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 1), ("steps", 100), ("rate", 0.30000000000000004), ("rate", 1e-9), ("kind", "guided"),
        ("name", "é &=?"), ("sharp", True), ("sharp", False), ("target_class", 0), ("target_class", 999),
    ],
)  # fmt: skip
def test_a_value_survives_a_link(name: str, value: Value) -> None:
    assert PARAMETERS[name].parse(as_text(value)) == value
    assert type(PARAMETERS[name].parse(as_text(value))) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("steps", 0, "a whole number from 1 to 100"),
        ("steps", 10**9, "a whole number from 1 to 100"),
        ("steps", 2.5, "a whole number from 1 to 100"),
        ("steps", True, "a whole number from 1 to 100"),
        ("rate", float("inf"), "a number of 0 or more"),
        ("rate", float("nan"), "a number of 0 or more"),
        ("rate", -0.1, "a number of 0 or more"),
        ("kind", "giuded", ("plain", "guided")),
        ("name", "too long", "at most 5 characters"),
        ("sharp", 1, "on or off"),
        ("target_class", -1, "the number of a class"),
        ("target_class", 1.0, "the number of a class"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    name: str, value: Value, accepted: str | tuple[str, ...]
) -> None:
    with refused(culprit=str(value), accepted=accepted) as caught:
        checked(PARAMETERS, {name: value})
    assert name in caught.value.problem


def test_a_name_that_is_not_a_parameter_is_named_with_those_that_are() -> None:
    with refused(culprit="stpes", accepted=PARAMETERS, hint="'steps'"):
        checked(PARAMETERS, {"stpes": 1})
    with refused(culprit="stpes", problem="No parameter is accepted"):
        checked({}, {"stpes": 1})


@pytest.mark.parametrize("text", ["", "nan", "1e999", "-1", "½", "0x10", "1" * 10_000, "<script>", "\x00"])
@pytest.mark.parametrize("name", ["steps", "rate", "kind", "sharp", "target_class"])
def test_hostile_text_in_a_link_is_refused_in_a_short_sentence(name: str, text: str) -> None:
    parameter = PARAMETERS[name]
    with refused(accepted=parameter.options if isinstance(parameter, Radio) else parameter.accepts()) as caught:
        parameter.parse(text)
    assert len(str(caught.value)) < 200


def test_a_request_holds_what_differs_from_the_defaults_and_has_a_digest_of_its_own() -> None:
    entry = registry.get("grad-cam")
    assert entry.canonical({"guide": False, "strength": 0.6}) == ()
    assert entry.canonical({"strength": 0.5, "guide": True}) == (("guide", True), ("strength", 0.5))
    requests = [
        Request("shapes", picture, layer, "grad-cam", params)
        for picture in ("a", "b")
        for layer in ("", "a", "b")
        for params in ((), (("guide", True),), (("target_class", 1),), (("target_class", 11),))
    ]
    assert len({request.digest() for request in requests}) == len(requests)
    assert len({tuple(request.to_query().items()) for request in requests}) == len(requests)


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_every_visualisation_says_what_it_shows_and_what_each_knob_does(entry: registry.Entry) -> None:
    assert entry.summary.endswith(".")
    for parameter in entry.params.values():
        assert parameter.help.endswith(".")
        assert parameter.label
        assert parameter.check(parameter.default) == parameter.default
        assert parameter.when is None or parameter.when[0] in entry.params


def test_a_name_that_is_taken_twice_is_refused_and_both_are_named() -> None:
    first, second = (f"{kind.__module__}.{kind.__name__}" for kind in (GradCam, Activations))
    with refused("Grad-CAM", problem=f"{first} and by {second}"):
        registry.visualisation("Grad-CAM")(Activations)
    assert registry.get("Grad-CAM").kind is GradCam
    with refused("gradcam", accepted=["grad-cam", "rise"], hint="'grad-cam'"):
        registry.get("gradcam")
