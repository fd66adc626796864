"""What a visualisation can do is said by its class and its entry, not guessed from names."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, get_type_hints

import pytest
from torch import Tensor

from mirror_app.engine.request import Request
from mirror_app.export import matrix
from mirror_app.params import TARGET, ClassPicker, Number, checked
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import Attribution, DeepDream, FilterVisualisation, Visualisation
from mirror_app.visualisations.core.base import TargetClass
from mirror_app.visualisations.web import WebInterface
from tests.visualisations.test_own_look import green

FLAGS = [name for name, hint in get_type_hints(Visualisation).items() if hint == ClassVar[bool]]


class Own(Visualisation):
    """What a layer responds to."""

    look = green

    def attribute(
        self, inputs: Tensor, layer: str, *, channel: Annotated[int, Number("Which.", min=0)] = 0
    ) -> Iterator[Attribution]:
        yield Attribution(self.view.capture(inputs, layer)[:, channel])


class Targeted(Visualisation):
    """What a target responds to."""

    look = green

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        yield Attribution(inputs)


class Numbered(Visualisation):
    """What has a number that is no target."""

    look = green

    def attribute(
        self, inputs: Tensor, layer: str, *, target_class: Annotated[int, Number("How many.")] = 1
    ) -> Iterator[Attribution]:
        yield Attribution(inputs)


@pytest.mark.parametrize("flag", FLAGS)
def test_a_class_brought_from_python_keeps_what_it_can_do(flag: str) -> None:
    default = getattr(Visualisation, flag)
    kind: type[Visualisation] = type("Changed", (Own,), {flag: not default})
    assert getattr(WebInterface(kind).entry.kind, flag) is not default
    assert getattr(WebInterface(Own).entry.kind, flag) is default


def test_a_class_brought_from_python_keeps_what_it_says_about_its_results() -> None:
    class Knowing(Own):
        """What a layer responds to."""

        @classmethod
        def ignores_model(cls, params: Mapping[str, object]) -> bool:
            return params["channel"] == 3

        @classmethod
        def selected_filter(cls, params: Mapping[str, Any]) -> int | None:
            return int(params["channel"])

    kind = WebInterface(Knowing).entry.kind
    assert [kind.ignores_model({"channel": number}) for number in (3, 4)] == [True, False]
    assert kind.selected_filter({"channel": 4}) == 4


@pytest.mark.parametrize(
    ("kind", "params", "number"),
    [(FilterVisualisation, {}, 0), (FilterVisualisation, {"channel": 7}, 7), (DeepDream, {}, None),
     (DeepDream, {"channel": 0}, 0), (Own, {"channel": 7}, None)],
)  # fmt: skip
def test_the_filter_that_is_selected(kind: type[Visualisation], params: dict[str, int], number: int | None) -> None:
    assert kind.selected_filter(checked(WebInterface(kind).entry.params, params)) == number


def test_a_target_is_a_parameter_that_picks_one() -> None:
    takes_none = {entry.key for entry in registry.entries() if not entry.takes_target}
    assert takes_none == {
        "activations", "attention", "attention-rollout", "eigen-cam", "kernels", "deep-dream", "filter-visualisation",
        "inverted-representation",
    }  # fmt: skip
    targeted, numbered = (WebInterface(kind).entry for kind in (Targeted, Numbered))
    assert targeted.takes_target
    assert isinstance(targeted.params[TARGET], ClassPicker)
    assert not numbered.takes_target


def test_a_target_goes_along_to_a_visualisation_that_takes_one() -> None:
    entries = [WebInterface(kind).entry for kind in (Targeted, Numbered)]
    registry.register_temporary(entries)
    try:
        base = Request("shapes", "any", "features", "grad-cam", (("signed", True), (TARGET, 3)))
        params = [matrix.with_changes(base, {"visualisation": entry.key}).params for entry in entries]
    finally:
        registry.unregister(entries)
    assert params == [((TARGET, 3),), ()]
