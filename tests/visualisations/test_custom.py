"""Visualisations brought from Python: on the page as the built-in ones, and a mistake is a sentence with its line."""

import inspect
import secrets
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Annotated, Any

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from mirror_app import engine, live, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import catalogue
from mirror_app.params import ClassPicker, Dropdown, Number, Radio, Slider, Text, Toggle
from mirror_app.ui import store
from mirror_app.visualisations import elements, registry
from mirror_app.visualisations.core import Activations, Attribution, FilterVisualisation, GradCam, Info, Visualisation
from mirror_app.visualisations.web import BackProp, WebInterface, entries_of, offer
from tests import app
from tests.app import head, lives, provenance, said
from tests.networks import Linear
from tests.odd_models.base import Small
from tests.odd_models.batches import NormOfTheBatch
from tests.refused import Fields, refused

INPUT = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
PARAMS = {"repeat": {"type": "slider", "min": 1, "max": 100, "value": 2, "step": 1, "params": {}}}


class RepeatInput(Visualisation):
    def __call__(self, inputs, layer, repeat=1):  # type: ignore[no-untyped-def,override] # noqa: ANN001, ANN204
        return inputs.repeat(repeat, 1, 1, 1), None


repeated = partial(WebInterface.from_visualisation, RepeatInput, params=PARAMS, name="Repeat")


@offer("Fading")
def fading(
    model: nn.Module,
    inputs: Tensor,
    layer: nn.Module,
    *,
    steps: Annotated[int, Slider("How many.", min=1, max=9, step=1)] = 3,
    target_class: Annotated[int | None, ClassPicker("Whose share dims it.")] = None,
) -> Iterator[tuple[Tensor, dict[str, Any] | None]]:
    """The picture, darker with each step."""
    with torch.no_grad():
        logits = model(inputs)
    share = logits.softmax(1)[0, target_class or 0]
    for step in range(1, steps + 1):
        yield inputs * share**step, {"progress": step / steps, "note": "It fades.", "model": model}


class Brighter(GradCam):
    """Grad-CAM, half as dark."""

    def __call__(self, inputs: Tensor, layer: Any = None, **params: Any) -> tuple[Tensor, Info]:
        images, info = super().__call__(inputs, layer, show="map", **params)
        return images / 2 + 0.5, info


class Energy(Visualisation):
    """How strongly a layer answers."""

    look = render.heat

    def attribute(
        self, inputs: Tensor, layer: str, *, power: Annotated[float, Slider("Peaks.", min=1, max=4)] = 2.0
    ) -> Iterator[Attribution]:
        yield Attribution(self.view.capture(inputs, layer).abs().pow(power).mean(1))


@pytest.fixture
def page() -> Iterator[Callable[..., AppTest]]:
    """`page(visualisations, **query)`: the page on what a Python session shows."""
    sessions: list[live.LiveSession] = []

    def opened(visualisations: list[object], **query: str) -> AppTest:
        sessions.append(
            live_session(secrets.token_hex(3), [INPUT, INPUT - 0.5], Linear(), visualisations, PreprocessingOverrides())
        )
        live.add(sessions[-1])
        return app.page(**{"model": next(iter(sessions[-1].models)), "layer": "maps", **query})

    yield opened
    for shown in sessions:
        live.remove(shown)
    st.cache_data.clear()


def shown(test: AppTest) -> tuple[Request, engine.Result]:
    """What the page shows, out of its cache."""
    session = test.session_state.mirror
    request = session.request
    return request, store.result(store.Selection.of(request, session.selected_picture), lambda _: None)


@pytest.mark.page
def test_the_example_of_the_tool_before_works_to_the_letter(page: Callable[..., AppTest]) -> None:
    assert repeated().call_params == {"repeat": 2}
    test = page([repeated, GradCam, BackProp])
    assert lives(test)
    assert said(test) == []
    offered = test.selectbox(key="visualisation").options
    assert offered == ["Repeat", "Grad-CAM", "Back Prop", "Activations"]
    request, result = shown(test)
    assert torch.equal(torch.from_numpy(result.raw), torch.stack([INPUT] * 2))
    slider = test.slider(key=f"{request.visualisation}.repeat")
    assert (slider.min, slider.max, slider.value, slider.step) == (1, 100, 2, 1)
    slider.set_value(5).run()
    assert len(shown(test)[1].raw) == 5
    assert test.query_params["repeat"] == "5" or test.query_params["repeat"] == ["5"]
    slider.set_value(2).run()
    assert provenance(test).cached
    again = page([repeated], repeat="7")
    assert len(shown(again)[1].raw) == 7


def test_the_interface_on_a_model_gives_images_and_info() -> None:
    images, info = repeated(Linear())(INPUT[None], None, repeat=3)
    assert torch.equal(images, torch.stack([INPUT] * 3))
    assert torch.equal(info["raw"], images)
    assert torch.equal(RepeatInput(Linear())(INPUT[None], None, repeat=3)[0], images)
    with refused("Repeat", hint="from_visualisation(…, model, params=…)"):
        repeated()(INPUT[None])
    with refused("101", accepted="a whole number from 1 to 100", problem="repeat"):
        repeated(Linear())(INPUT[None], None, repeat=101)


@pytest.mark.parametrize("guide", [False, True])
def test_grad_cam_tells_the_cam_of_the_tool_before(guide: bool) -> None:
    pictures = torch.stack([INPUT, INPUT.flip(2)])
    for model in (Small().eval(), NormOfTheBatch().eval()):  # the second is run one picture at a time
        cam = GradCam(model, device="cpu")
        info = cam(pictures[:1], model.conv, guide=guide, target_class=1)[1]
        assert info["cam"].shape == (20, 30)  # of one picture, as there
        assert info["cam"].any()
        assert torch.equal(info["cam"], cam(pictures[:1], model.conv, target_class=1)[1]["raw"][0].relu())
        singly = [cam(picture[None], model.conv, guide=guide, target_class=1)[1]["cam"] for picture in pictures]
        several = cam(pictures, model.conv, guide=guide, target_class=1)[1]["cam"]
        assert torch.allclose(several, torch.stack(singly), atol=1e-6)
    bundled, picture = catalogue.load("shapes"), examples()[0]
    request = Request("shapes", picture.id, "features", "grad-cam", (("guide", True),) if guide else ())
    assert "cam" not in engine.run(request, bundled, picture).info  # what the page keeps is JSON


@pytest.mark.page
def test_a_function_is_offered_with_its_annotations_its_frames_and_the_classes(page: Callable[..., AppTest]) -> None:
    test = page([fading])
    assert lives(test)
    assert said(test) == ["It fades."]
    assert head(test) == (fading.entry.name, fading.entry.summary)
    request, result = shown(test)
    assert result.info["progress"] == 1
    model = Linear()
    share = model(INPUT[None]).softmax(1)[0]
    assert torch.allclose(torch.from_numpy(result.raw)[0], INPUT * share[0].detach() ** 3)
    test.selectbox(key="target_class").select(1).run()
    assert torch.allclose(torch.from_numpy(shown(test)[1].raw)[0], INPUT * share[1].detach() ** 3)
    (session,) = [found for found in [live.session_of(request.model)] if found]
    frames = list(engine.frames(request, session.models[request.model], session.pictures[0]))
    assert [frame.info["progress"] for frame in frames] == [1 / 3, 2 / 3, 1]


@pytest.mark.page
@pytest.mark.parametrize("kind", [Brighter, Energy])
def test_the_numbers_on_the_page_are_those_of_python(kind: type[Visualisation], page: Callable[..., AppTest]) -> None:
    test = page([kind])
    assert lives(test)
    assert head(test)[1] == (kind.__doc__ or "")
    images, info = kind(Linear())(INPUT[None], "maps")
    expected = info["raw"] if kind is Energy else images
    assert torch.equal(torch.from_numpy(shown(test)[1].raw), expected)


@pytest.mark.page
def test_what_is_like_a_normalised_input_is_shown_un_normalised(page: Callable[..., AppTest]) -> None:
    mean, std = torch.tensor([0.485, 0.456, 0.406])[:, None, None], torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    made = live_session("abc", (INPUT - mean) / std, Linear(), [repeated], PreprocessingOverrides())
    request = Request("Linear@abc", made.pictures[0].id, "maps", "repeat@abc")
    registry.register_temporary(made.entries)
    try:
        result = engine.run(request, made.models["Linear@abc"], made.pictures[0])
    finally:
        registry.unregister(made.entries)
    assert torch.allclose(torch.from_numpy(result.raw)[0], INPUT, atol=1e-6)


def gives(result: object) -> WebInterface:
    def wrong(model: nn.Module, inputs: Tensor, layer: nn.Module) -> object:
        return result

    return offer("Wrong")(wrong)


def raises(error: BaseException) -> WebInterface:
    def wrong(model: nn.Module, inputs: Tensor, layer: nn.Module) -> object:
        raise error

    return offer("Wrong")(wrong)


@offer("Wrong")
def late(model: nn.Module, inputs: Tensor, layer: nn.Module) -> Generator[Tensor, None, None]:
    yield inputs
    raise ValueError


@offer("Wrong")
def empty(model: nn.Module, inputs: Tensor, layer: nn.Module) -> Iterator[Tensor]:
    yield from ()


class Unsure(Visualisation):
    """Gives numbers where an Attribution is needed."""

    look = render.heat

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Any]:
        yield inputs


class Broken(Unsure):
    """Cannot be made."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)


class Silent(Unsure):
    """Gives nothing back at all."""

    def attribute(self, inputs: Tensor, layer: str) -> Any:
        return None


def line_of(word: str) -> int:
    """The number of the line of this file in which `word` first stands."""
    lines = inspect.getsource(inspect.getmodule(line_of)).splitlines()  # type: ignore[arg-type]
    return next(number for number, line in enumerate(lines, 1) if word in line)


@pytest.mark.page
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (gives(None), "must return images (N, 1 or 3, height, width) in [0, 1], not a NoneType."),
        (
            gives((torch.rand(1, 2, 5, 5), {})),
            "in [0, 1], not (1, 2, 5, 5).",
        ),
        (gives(torch.rand(3, 5, 5)), "in [0, 1], not (3, 5, 5)."),
        (gives(torch.rand(0, 3, 5, 5)), "in [0, 1], not (0, 3, 5, 5)."),
        (gives(torch.full((1, 3, 5, 5), float("nan"))), "in [0, 1], not NaN or infinity."),
        (gives(torch.full((1, 3, 5, 5), 255)), "in [0, 1], not values from 255 to 255."),
        (gives((torch.rand(1, 3, 5, 5), ["note"])), "must return a dictionary or None as info, not a list."),
        (raises(ZeroDivisionError("by zero")), "fails with ZeroDivisionError: by zero."),
        (raises(SystemExit(3)), "tried to end the program: SystemExit"),
        (late, "fails with ValueError."),
    ],
)
def test_a_mistake_is_a_sentence_that_names_the_line_and_the_page_lives_on(
    wrong: WebInterface, sentence: str, page: Callable[..., AppTest]
) -> None:
    test = page([wrong, repeated])
    (told,) = said(test)
    assert sentence in told
    assert not test.exception
    if "SystemExit" not in sentence:
        function = "late" if wrong is late else "wrong"
        assert told.startswith(f"{function} (test_custom.py, line ")
        first = {"late": line_of('@offer("Wrong")\n'[:-1]), "wrong": line_of("def wrong(")}[function]
        number = int(told.split("line ")[1].split(")")[0])
        assert first <= number <= line_of("def line_of")
    if "fails" in sentence:
        word = "raise ValueError" if wrong is late else "raise error"
        assert f"line {line_of(word)})" in told
    test.selectbox(key="visualisation").select_index(1).run()
    assert lives(test)
    assert said(test) == []


@pytest.mark.page
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (empty, "empty (test_custom.py, line {empty}) yields nothing: it must yield at least one frame."),
        (Unsure, "Unsure (test_custom.py, line {unsure}) must yield Attributions, not a Tensor."),
        (Broken, "Broken (test_custom.py, line {unsure}) fails with TypeError: Broken.__init__() takes 2 positional"),
        (Silent, "Silent (test_custom.py, line {silent}) fails with TypeError: 'NoneType' object is not iterable."),
    ],
)
def test_what_yields_nothing_or_something_else_is_told_as_well(
    wrong: object, sentence: str, page: Callable[..., AppTest]
) -> None:
    lines = {
        "empty": line_of("def empty(") - 1,
        "unsure": line_of("class Unsure") + 5,
        "silent": line_of("class Silent") + 3,
    }
    test = page([wrong])
    (told,) = said(test)
    assert told.startswith(sentence.format(**lines))
    assert not test.exception


NOTHING = object()


def unoffered(model: nn.Module, inputs: Tensor, layer: nn.Module) -> Tensor:
    return inputs


def slider(**said: object) -> dict[str, dict[str, object]]:
    return {"repeat": {"type": "slider", "min": 1, "max": 9, "value": 2, "step": 1} | said}


@pytest.mark.parametrize(
    ("params", "owner", "fields"),
    [
        (
            slider(type="slidr"),
            "Repeat (RepeatInput): ",
            {"culprit": "slidr", "accepted": elements.TYPES, "hint": "'slider'"},
        ),
        (slider(type=None), "Repeat (RepeatInput): ", {"culprit": "None", "accepted": elements.TYPES}),
        (
            slider(value=10),
            "Repeat (RepeatInput): the value of repeat ",
            {"culprit": "10", "accepted": "a whole number from 1 to 9"},
        ),
        (
            slider(value="two"),
            "Repeat (RepeatInput): the value of repeat ",
            {"culprit": "two", "accepted": "a number from 1 to 9"},
        ),
        (
            {"repeat": {"type": "slider", "value": 2}},
            "Repeat (RepeatInput): ",
            {"culprit": "repeat", "accepted": "'min'"},
        ),
        (
            {"repeat": {"type": "radio", "value": "a"}},
            "Repeat (RepeatInput): ",
            {"culprit": "repeat", "accepted": "'options'"},
        ),
        (
            {"repeat": {"type": "dropdown", "value": "c", "options": ["a", "b"]}},
            "Repeat (RepeatInput): the value of repeat ",
            {"culprit": "c", "accepted": ["a", "b"]},
        ),
        ({"repeat": 2}, "Repeat (RepeatInput): ", {"culprit": "repeat", "accepted": "a dictionary"}),
        (
            {"repaet": PARAMS["repeat"]},
            "RepeatInput (test_custom.py, line ",
            {"culprit": "repaet", "accepted": ["repeat"], "hint": "'repeat'"},
        ),
    ],
)
def test_a_wrong_widget_is_a_sentence_in_python(params: dict[str, Any], owner: str, fields: Fields) -> None:
    with refused(**fields) as caught:
        partial(WebInterface.from_visualisation, RepeatInput, params=params, name="Repeat")()
    assert str(caught.value).startswith(owner)


def test_every_element_of_the_tool_before_becomes_its_widget() -> None:
    def all_of_them(*_: object, **__: object) -> None: ...

    made = WebInterface(
        all_of_them,
        {
            "slider": {"type": "slider", "min": 0.5, "max": 2, "value": 1.0, "step": 0.5},
            "number": {"type": "textfield", "value": 3, "params": {"type": "number"}},
            "text": {"type": "textfield", "value": "hello"},
            "guide": {"type": "radio", "value": False, "params": {}},
            "way": {"type": "radio", "value": None, "options": ["up", "down"]},
            "size": {"type": "dropdown", "value": "big", "options": ["small", "big"], "label": "How big"},
            "target_class": {"type": "textfield", "value": None, "params": {"type": "number"}},
        },
    )
    kinds = [type(known) for known in made.entry.method_params.values()]
    assert kinds == [Slider, Number, Text, Toggle, Radio, Dropdown, ClassPicker]
    assert made.call_params == {
        "slider": 1.0, "number": 3, "text": "hello", "guide": False, "way": "up", "size": "big", "target_class": None,
    }  # fmt: skip
    assert made.entry.method_params["size"].label == "How big"


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ([repeated, repeated], {"culprit": "Repeat", "problem": "RepeatInput and RepeatInput"}),
        ([GradCam, "Grad-CAM"], {"culprit": "Grad-CAM", "problem": "twice"}),
        ([RepeatInput, NOTHING], {"culprit": repr(NOTHING), "accepted": "a class, a WebInterface or a name"}),
        ([unoffered], {"culprit": "unoffered", "hint": '@offer("a name")'}),
        ([nn.ReLU], {"culprit": "ReLU", "hint": "a class, a WebInterface or a name"}),
        (["grad-kam"], {"culprit": "grad-kam", "accepted": ["grad-cam"], "hint": "'grad-cam'"}),
    ],
)
def test_what_cannot_be_offered_is_a_sentence(said: list[object], fields: Fields) -> None:
    with refused(**fields):
        entries_of(said)


def test_a_class_with_nothing_to_show_says_so() -> None:
    class Empty(Visualisation):
        look = render.heat

    with refused("Empty", accepted="`attribute`, or a `__call__`"):
        Empty(Linear())(INPUT[None], None)


def test_a_class_says_that_it_uses_no_layer() -> None:
    class Whole(RepeatInput):
        uses_layer = False

    (entry,), (other,) = entries_of([Whole]), entries_of([RepeatInput])
    assert not entry.kind.uses_layer
    assert other.kind.uses_layer


@pytest.mark.page
def test_a_class_that_makes_pictures_step_by_step_is_offered_on_dream(page: Callable[..., AppTest]) -> None:
    class Waves(FilterVisualisation):
        """What a filter responds to."""

    test = page([GradCam, Waves]).switch_page("../pages/dream.py").run()
    assert not test.exception
    assert test.selectbox(key="dream-visualisation").options == ["Waves"]
    assert test.session_state.mirror.request.visualisation.startswith("waves")


@pytest.mark.page
def test_one_sessions_visualisations_are_not_offered_to_others(page: Callable[..., AppTest]) -> None:
    test = page([repeated])
    key = test.session_state.mirror.request.visualisation
    other = app.page(visualisation=key)
    assert lives(other)
    (sentence,) = said(other)
    assert "Repeat" in sentence
    assert other.session_state.mirror.request.visualisation == "grad-cam"
    assert registry.get("activations").kind is Activations
    assert "Repeat" not in [entry.name for entry in registry.entries()]
