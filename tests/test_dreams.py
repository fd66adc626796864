"""The long computation of one visitor: it runs on its own, ends when it is let go, and what it made stays."""

import time
from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mirror_app import engine, registry
from mirror_app.models import catalogue
from mirror_app.models.examples import examples
from mirror_app.request import Request
from mirror_app.ui.dreams import Dreamer, Shot
from mirror_app.ui.jobs import Jobs
from tests.app import page

LONG = Request("shapes", "checked-heart", "features", "deep-dream", (("octaves", 8), ("steps", 100)))
SHORT = Request("shapes", "checked-heart", "features", "deep-dream", (("octaves", 2), ("steps", 3)))


def begun(request: Request) -> tuple[Jobs[Shot], Dreamer]:
    jobs: Jobs[Shot] = Jobs(1)
    dreamer = Dreamer(jobs)
    dreamer.begin(request, catalogue.load("shapes"), examples()[0])
    return jobs, dreamer


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It took too long."
        time.sleep(0.01)


def test_a_dream_ends_as_the_engine_does_and_its_film_has_every_frame() -> None:
    jobs, dreamer = begun(SHORT)
    dream = dreamer.dream
    assert dream is not None
    until(lambda: not dream.running)
    shot = dream.job.result()
    assert shot.result.raw.tobytes() == engine.run(SHORT, catalogue.load("shapes"), examples()[0]).raw.tobytes()
    assert len(shot.film.stills) == 6
    assert shot.film.stills[-1] == shot.still
    jobs.close()


def test_stop_lets_go_at_once_and_keeps_what_there_is() -> None:
    jobs, dreamer = begun(LONG)
    dream = dreamer.dream
    assert dream is not None
    until(lambda: dream.newest is not None)
    dream.stop()
    kept = dream.newest
    assert kept is not None
    assert not dream.running
    until(dream.job.done.is_set, 5)
    assert dream.newest is kept
    assert kept.result.info["progress"] < 1
    jobs.close()


def test_a_new_dream_ends_the_one_before_and_the_next_waits_for_its_turn() -> None:
    jobs, dreamer = begun(LONG)
    first = dreamer.dream
    assert first is not None
    until(lambda: first.newest is not None)
    other = Dreamer(jobs)
    other.begin(SHORT, catalogue.load("shapes"), examples()[0])
    assert other.dream is not None
    assert other.dream.newest is None
    dreamer.end()
    assert first.stopped
    until(lambda: other.dream is not None and not other.dream.running)
    jobs.close()


@pytest.fixture
def dream() -> AppTest:
    st.cache_data.clear()
    return page("dream")


def test_nothing_begins_before_dream_is_pressed(dream: AppTest) -> None:
    assert not dream.exception
    assert any("press **Dream**" in info.value for info in dream.info)
    names = [entry.name for entry in registry.entries() if entry.kind.of_steps]
    assert next(box for box in dream.selectbox if box.label == "Visualisation").options == names
    assert len(names) >= 4


def test_what_cannot_be_dreamed_is_one_sentence(dream: AppTest) -> None:
    next(number for number in dream.number_input if number.label == "Channel").set_value(5000)
    next(button for button in dream.button if button.label == "Dream").click()
    dream.run()
    for _ in range(100):
        if dream.warning:
            break
        time.sleep(0.1)
        dream.run()
    assert "5000" in dream.warning[0].value
    assert not dream.exception


def test_a_dream_on_the_page_is_kept_for_explore(dream: AppTest) -> None:
    for label, value in (("Octaves", 2), ("Steps", 3)):
        next(slider for slider in dream.slider if slider.label == label).set_value(value)
    next(button for button in dream.button if button.label == "Dream").click()
    dream.run()
    for _ in range(100):
        if any("raw values" in caption.value for caption in dream.caption):
            break
        time.sleep(0.1)
        dream.run()
    assert not dream.exception
    assert any("Deep Dream" in caption.value for caption in dream.caption)
    explored = dream.switch_page("../pages/explore.py").run()
    next(box for box in explored.selectbox if box.label == "Visualisation").set_value("deep-dream").run()
    assert any("from the cache" in caption.value for caption in explored.caption)
