"""The long computation of one visitor: it runs on its own, ends when it is let go, and what it made stays."""

import time
from collections.abc import Callable

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from mirror_app import engine
from mirror_app.bundled.examples import examples
from mirror_app.engine.jobs import Jobs
from mirror_app.engine.request import Request
from mirror_app.models import catalogue
from mirror_app.ui import store
from mirror_app.ui.common import downloads
from mirror_app.ui.store.background_runs import FrameSnapshot, RunSlot
from mirror_app.visualisations import registry
from tests.app import container, is_shown, page, plain, provenance

LONG = Request("shapes", "checked-heart", "features", "deep-dream", (("octaves", 8), ("steps", 100)))
SHORT = Request("shapes", "checked-heart", "features", "deep-dream", (("octaves", 2), ("steps", 3)))


def begun(request: Request) -> tuple[Jobs[FrameSnapshot], RunSlot]:
    jobs: Jobs[FrameSnapshot] = Jobs(1)
    run_slot = RunSlot(jobs, lambda *_: None)
    run_slot.begin(store.Selection.of(request, examples()[0]))
    return jobs, run_slot


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It took too long."
        time.sleep(0.01)


def test_a_dream_ends_as_the_engine_does_and_its_film_has_every_frame() -> None:
    jobs, run_slot = begun(SHORT)
    run = run_slot.run
    assert run is not None
    until(lambda: not run.running)
    snapshot = run.job.result()
    assert snapshot.result.raw.tobytes() == engine.run(SHORT, catalogue.load("shapes"), examples()[0]).raw.tobytes()
    assert len(snapshot.film.stills) == 6
    assert snapshot.film.stills[-1] == snapshot.still
    jobs.close()


def test_stop_lets_go_at_once_and_keeps_what_there_is() -> None:
    jobs, run_slot = begun(LONG)
    run = run_slot.run
    assert run is not None
    until(lambda: run.newest is not None)
    run.stop()
    kept = run.newest
    assert kept is not None
    assert not run.running
    until(run.job.done.is_set, 5)
    assert run.newest is kept
    assert kept.result.info["progress"] < 1
    jobs.close()


def test_a_new_dream_ends_the_one_before_and_the_next_waits_for_its_turn() -> None:
    jobs, run_slot = begun(LONG)
    first = run_slot.run
    assert first is not None
    until(lambda: first.newest is not None)
    other = RunSlot(jobs, lambda *_: None)
    other.begin(store.Selection.of(SHORT, examples()[0]))
    assert other.run is not None
    assert other.run.newest is None
    run_slot.end()
    assert first.stopped
    until(lambda: other.run is not None and not other.run.running)
    jobs.close()


@pytest.fixture
def run() -> AppTest:
    st.cache_data.clear()
    return page("dream")


def invitation(run: AppTest) -> str:
    """What Dream will do when it is pressed, as the page says it; "" where it does not say so."""
    goals = [plain(box.value).partition("Press **Dream** to ")[2] for box in run.info]
    return "".join(goals).partition(". ")[0].removesuffix(".")


def finished(run: AppTest) -> AppTest:
    for _ in range(100):
        if run.warning or is_shown(run):
            break
        time.sleep(0.1)
        run.run()
    assert not run.exception
    return run


def pressed(run: AppTest) -> AppTest:
    next(button for button in run.button if button.label == "Dream").click()
    return finished(run.run())


def test_nothing_begins_before_dream_is_pressed(run: AppTest) -> None:
    assert not run.exception
    assert invitation(run)
    assert not is_shown(run)
    assert not run.get("progress")
    example = container(run, "example")
    assert example is not None
    assert [len(block.proto.imgs) for block in example.get("image")] == [1]
    names = [entry.name for entry in registry.entries() if entry.kind.is_iterative]
    assert next(box for box in run.selectbox if box.label == "Visualisation").options == names
    assert len(names) >= 4


def test_what_cannot_be_dreamed_is_one_sentence(run: AppTest) -> None:
    next(number for number in run.number_input if number.label == "Filter, -1 for all").set_value(5000)
    assert "5000" in pressed(run).warning[0].value


def test_a_dream_on_the_page_is_kept_for_explore(run: AppTest) -> None:
    for label, value in (("Octaves", 2), ("Steps", 3)):
        next(slider for slider in run.slider if slider.label == label).set_value(value)
    pressed(run)
    assert provenance(run).method == "Deep Dream"
    explored = run.switch_page("../pages/explore.py").run()
    next(box for box in explored.selectbox if box.label == "Visualisation").set_value("deep-dream").run()
    assert provenance(explored).cached


def test_what_will_be_pictured_is_said_before_it_begins_and_when_the_choice_has_changed(run: AppTest) -> None:
    def planned(visualisation: str, box: str = "", value: object = None) -> str:
        next(box for box in run.selectbox if box.label == "Visualisation").set_value(visualisation).run()
        if box:
            next(widget for widget in (*run.selectbox, *run.number_input) if widget.label == box).set_value(value)
        return invitation(run.run())

    assert planned("deep-dream") == "exaggerate everything that layer `features` detects"
    of_filter = planned("deep-dream", "Filter, -1 for all", 3)
    assert of_filter == "exaggerate everything that filter 3 of layer `features` detects"
    assert planned("filter-visualisation") == "generate an image that activates filter 0 of layer `features`"
    assert planned("inverted-representation") == (
        "generate an image for which layer `features` gives nearly the same output as for the input"
    )
    assert planned("class-picture") == "generate an image of the class predicted for the input"
    assert planned("class-picture", "Target", 4) == "generate an image of *striped ring*"
    next(slider for slider in run.slider if slider.label == "Steps").set_value(2)
    pressed(run)
    assert not invitation(run)
    assert planned("class-picture", "Target", 5) == "generate an image of *checked ring*"


def test_a_class_picture_says_how_sure_the_model_is_of_what_it_made_and_not_of_the_input(run: AppTest) -> None:
    request = Request("shapes", "checked-heart", "features", "class-picture", (("steps", 3), ("target_class", 4)))
    model, picture = catalogue.load("shapes"), examples()[0]
    next(box for box in run.selectbox if box.label == "Visualisation").set_value("class-picture").run()
    next(box for box in run.selectbox if box.label == "Target").set_value(4)
    next(slider for slider in run.slider if slider.label == "Steps").set_value(3)
    pressed(run)
    shown = store.cached_result(request)  # an ascent made again may end elsewhere: its steps magnify rounding
    assert shown is not None
    inputs = torch.from_numpy(shown.raw)
    mean, std = (torch.tensor(part).view(-1, 1, 1) for part in (model.preprocessing.mean, model.preprocessing.std))
    with torch.no_grad():
        sure, of_input = (model.module(x).softmax(1)[0, 4] for x in ((inputs - mean) / std, model.inputs(picture)))
    assert f"{sure:.1%}" != f"{of_input:.1%}"
    assert (provenance(run).target, provenance(run).score) == ("striped ring", f"{sure:.1%}")
    explored = run.switch_page("../pages/explore.py").run()
    next(box for box in explored.selectbox if box.label == "Visualisation").set_value("class-picture").run()
    assert (provenance(explored).target, provenance(explored).score) == ("striped ring", f"{sure:.1%}")


def test_the_filter_is_named_below_its_picture(run: AppTest) -> None:
    next(box for box in run.selectbox if box.label == "Visualisation").set_value("filter-visualisation").run()
    next(slider for slider in run.slider if slider.label == "Steps").set_value(2)
    next(number for number in run.number_input if number.label == "Filter").set_value(7)
    below = provenance(pressed(run))
    assert below.layer == "features"
    assert below.details == ("filter 7",)


@pytest.mark.parametrize(
    ("visualisation", "params", "stem"),
    [
        ("class-picture", {"target_class": 4}, "class-picture-striped-ring"),
        ("class-picture", {"target_class": "features.8:3"}, "class-picture-channel-3-of-features.8"),
        ("filter-visualisation", {}, "filter-visualisation-features.4-0"),
        ("deep-dream", {}, "deep-dream-features.4"),
        ("deep-dream", {"channel": 3}, "deep-dream-features.4-3"),
        ("back-prop", {"target_class": 4}, "back-prop-striped-ring"),
        ("grad-cam", {"target_class": 4}, "grad-cam-features.4"),
    ],
)
def test_a_file_has_the_name_of_what_it_shows(visualisation: str, params: dict[str, int | str], stem: str) -> None:
    steps = {"steps": 1} if registry.get(visualisation).kind.is_iterative else {}
    request = Request("shapes", "checked-heart", "features.4", visualisation, tuple((steps | params).items()))
    selection = store.Selection.of(request, examples()[0])
    assert downloads.stem(selection, engine.run(request, selection.model, selection.picture)) == stem
