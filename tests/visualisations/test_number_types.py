"""The annotation of an argument says whether a number is whole; the way its default is written does not."""

from typing import Annotated, Any, Optional

import pytest
import torch
from torch import Tensor, nn

from mirror_app.params import Number, Parameter, Slider, as_text, checked, declared
from mirror_app.visualisations import registry, web
from mirror_app.visualisations.core import GradCam
from tests.refused import refused


def declares(
    *,
    share: Annotated[float, Slider("A share.", min=0, max=1)] = 1,
    rate: Annotated[float, Number("How fast.", min=0, step=1)] = 2,
    perhaps: Annotated[float | None, Number("Or none.")] = 3,
    either: Annotated[int | float, Number("Both.")] = 4,
    count: Annotated[int, Slider("How many.", min=1, max=9)] = 3,
    exact: Annotated[int, Number("How many.", step=0.5)] = 3.0,  # type: ignore[assignment]
    number: Annotated[Optional[int], Number("Or none.")] = 5,  # noqa: UP045
    seed: Annotated[int | str, Number("Or a text.")] = 6,
) -> None: ...


PARAMETERS = declared(declares)
FLOATS, INTS = ("share", "rate", "perhaps", "either"), ("count", "exact", "number", "seed")


@pytest.mark.parametrize("name", FLOATS)
def test_a_number_that_is_annotated_as_a_float_is_one(name: str) -> None:
    parameter = PARAMETERS[name]
    assert isinstance(parameter, Number)
    assert not parameter.whole
    values = [parameter.default, parameter.check(1), parameter.parse("1"), parameter.check(0.25)]
    assert {type(value) for value in values} == {float}
    assert parameter.parse(as_text(0.25)) == 0.25
    assert "whole" not in parameter.accepts()


@pytest.mark.parametrize("name", INTS)
def test_a_number_that_is_annotated_as_an_int_is_one(name: str) -> None:
    parameter = PARAMETERS[name]
    assert isinstance(parameter, Number)
    assert parameter.whole
    assert {type(value) for value in (parameter.default, parameter.check(4), parameter.check(4.0))} == {int}
    assert isinstance(parameter.step, int)
    with refused(culprit="2.5", accepted="a whole number", problem=name):
        checked(PARAMETERS, {name: 2.5})


def test_the_numbers_of_every_visualisation_have_the_type_of_their_default() -> None:
    numbers = [one for entry in registry.entries() for one in entry.params.values() if isinstance(one, Number)]
    assert {type(number.default) for number in numbers} == {int, float}
    for number in numbers:
        assert type(number.default) is (int if number.whole else float)
        assert number.annotation is type(number.default)


ELEMENTS: dict[str, dict[str, Any]] = {
    "share": {"type": "slider", "min": 0, "max": 3, "value": 1, "step": 1},
    "rate": {"type": "textfield", "value": 2},
    "count": {"type": "slider", "min": 0, "max": 9, "value": 4.0, "step": 0.5},
    "free": {"type": "slider", "min": 0, "max": 9, "value": 1, "step": 1},
    "open": {"type": "slider", "min": 0, "max": 9, "value": 1, "step": 0.5},
}


def takes(  # type: ignore[no-untyped-def]
    model: nn.Module,
    inputs: Tensor,
    layer: nn.Module,
    *,
    share: float = 1,
    rate: "float" = 2,
    count: int = 4,
    free=1,  # noqa: ANN001
    open=1,  # noqa: A002, ANN001
) -> Tensor:
    kinds = [type(value) is kind for value, kind in zip((share, rate, count, free, open), WANTED, strict=True)]
    return torch.tensor(kinds, dtype=torch.float32).expand(1, 1, 1, -1)


WANTED = (float, float, int, int, float)


def test_the_elements_of_a_function_follow_its_annotations_and_else_their_own_numbers() -> None:
    interface = web.WebInterface(takes, ELEMENTS)
    assert tuple(type(value) for value in interface.call_params.values()) == WANTED
    offered = web.WebInterface.from_visualisation(takes, nn.Identity(), params=ELEMENTS)
    for given in ({}, {"share": 2, "rate": 3, "count": 5.0, "free": 2, "open": 3}):
        assert offered(torch.zeros(1, 3, 4, 4), "", **given)[1]["raw"].all()


def test_a_function_is_called_with_the_type_that_its_annotation_names() -> None:
    given: list[object] = []

    @web.offer("Types")
    def types(
        model: nn.Module,
        inputs: Tensor,
        layer: nn.Module,
        *,
        share: Annotated[float, Slider("A share.", min=0, max=1)] = 1,
        count: Annotated[int, Slider("How many.", min=1, max=9)] = 3,
    ) -> Tensor:
        given.extend((share, count))
        return torch.zeros(1, 1, 2, 2)

    bound = types.kind(nn.Identity())
    bound(torch.zeros(1, 3, 4, 4), "")
    bound(torch.zeros(1, 3, 4, 4), "", share=0, count=4)
    assert [(value, type(value)) for value in given] == [(1.0, float), (3, int), (0.0, float), (4, int)]


def test_a_default_that_its_annotation_rules_out_is_a_sentence_when_it_is_offered() -> None:
    def half(model: nn.Module, inputs: Tensor, layer: nn.Module, *, times: int = 1) -> Tensor:
        return inputs

    def annotated(
        model: nn.Module,
        inputs: Tensor,
        layer: nn.Module,
        *,
        times: Annotated[int, Slider("How many times.", min=1, max=4)] = 2.5,  # type: ignore[assignment]
    ) -> Tensor:
        return inputs

    elements = {"times": {"type": "slider", "min": 0, "max": 4, "value": 2.5, "step": 0.5}}
    for source, params in ((half, elements), (annotated, None)):
        with refused("2.5", accepted="a whole number", problem="the default of times"):
            web.WebInterface(source, params)


def test_a_class_of_ones_own_follows_its_annotations() -> None:
    class Raised(GradCam):
        """Grad-CAM to a power."""

        def __call__(self, inputs: Any, layer: Any = None, power: float = 2, **params: Any) -> Any:
            return inputs.abs() ** power, {"detail": type(power).__name__}

    parameters: dict[str, Parameter] = dict(
        web.WebInterface(
            Raised, {"power": {"type": "slider", "min": 1, "max": 4, "value": 2, "step": 1}}
        ).entry.method_params
    )
    assert type(parameters["power"].check(3)) is float
