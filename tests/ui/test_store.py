"""A finished result is stored by the worker that made it: a visitor who leaves before the end loses it for nobody."""

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import pytest
import streamlit as st
import torch
from torch import Tensor, nn

from mirror_app import engine, live
from mirror_app.engine import jobs
from mirror_app.engine.request import Request
from mirror_app.evaluation import Depth
from mirror_app.images import Picture
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.ui import store
from mirror_app.ui.store import Selection, computations, models
from mirror_app.ui.store.background_runs import FrameSnapshot, RunSlot
from mirror_app.ui.store.result_store import ResultStore
from tests.app import is_shown, page
from tests.networks import Linear
from tests.refused import refused


class Left(BaseException):
    """A visitor is gone: as Streamlit's StopException it is no Exception, and rises out of the next look."""


class Held(nn.Module):
    """A network that waits inside its forward pass until the test lets it go on."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gates, self.net = [gate], Linear()

    def __deepcopy__(self, memo: dict[int, object]) -> "Held":
        clone = Held(self.gates[0])
        clone.net = self.net
        return clone

    def forward(self, inputs: Tensor) -> Tensor:
        self.gates[0].wait(10)
        logits: Tensor = self.net(inputs)
        return logits


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, threading.Event]]:
    """The name of a live model, and what lets it go on; no computation is given up meanwhile."""
    monkeypatch.setattr(jobs, "GRACE_PERIOD", 60.0)
    gate = threading.Event()
    gate.set()
    inputs = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    shown = live_session("0a0b0c", inputs, Held(gate), None, PreprocessingOverrides())
    live.add(shown)
    yield next(iter(shown.models)), gate
    gate.set()
    live.remove(shown)
    st.cache_data.clear()


def picture(name: str) -> Picture:
    found = live.session_of(name)
    assert found
    return found.pictures[0]


def asked(name: str, visualisation: str, **params: int) -> Request:
    return Request(name, picture(name).id, "net.maps", visualisation, tuple(params.items()))


def selected(name: str, visualisation: str, **params: int) -> Selection:
    return Selection.of(asked(name, visualisation, **params), picture(name))


def seen(name: str) -> engine.Result:
    return engine.run(asked(name, "grad-cam"), store.model(name), picture(name))


ASK: dict[str, Callable[[str, store.OnProgress], object]] = {
    "a result of one frame": lambda name, then: store.result(selected(name, "grad-cam"), then),
    "a result of many frames": lambda name, then: store.result(selected(name, "occlusion"), then),
    "the answer of the model": lambda name, then: store.prediction(store.model(name), picture(name), then),
    "a result of shuffled weights": lambda name, then: store.shuffled(
        selected(name, "grad-cam"), RESULTS[name], Depth("everything", ("net.maps",)), then
    ),
    "curves": lambda name, then: store.curves(selected(name, "grad-cam"), RESULTS[name], 0, then),
}
RESULTS: dict[str, engine.Result] = {}
NOT_SERVED = "No runtime found, using MemoryCacheStorageManager"


def never(_: str) -> None:
    raise AssertionError("It was computed again.")


@pytest.mark.parametrize("what", ASK)
def test_what_a_visitor_did_not_wait_for_is_there_for_the_next(what: str, held: tuple[str, threading.Event]) -> None:
    name, gate = held
    RESULTS[name] = seen(name)

    def leaves(_: str) -> None:
        raise Left

    # Curves come with those of the base lines, which are another computation.
    for _ in range(2 if what == "curves" else 1):
        gate.clear()
        with pytest.raises(Left):
            ASK[what](name, leaves)
        gate.set()
        while computations.jobs()._jobs:
            time.sleep(0.01)
    gate.clear()  # a computation would now wait, and `never` be called
    ASK[what](name, never)


def test_a_dream_is_stored_by_its_worker(held: tuple[str, threading.Event]) -> None:
    name, _ = held
    selection = selected(name, "deep-dream", octaves=1, steps=2)
    work: jobs.Jobs[FrameSnapshot] = jobs.Jobs(1)
    run_slot = RunSlot(work, store.store_result)
    run_slot.begin(selection)
    assert run_slot.run is not None
    assert run_slot.run.job.done.wait(10)
    stored = store.cached_result(selection.request)
    assert stored is not None
    assert stored.raw.tobytes() == run_slot.run.job.result().result.raw.tobytes()
    work.close()


def test_what_fails_is_not_stored_and_who_waits_is_told(held: tuple[str, threading.Event]) -> None:
    name, _ = held
    wrong = replace(asked(name, "grad-cam"), params=(("target_class", 99),))
    for _ in range(2):
        with refused(culprit="99", accepted="0 to 1"):
            store.result(Selection.of(wrong, picture(name)), lambda _: None)
    assert store.cached_result(wrong) is None


def test_the_worker_stores_without_a_word_from_streamlit(
    held: tuple[str, threading.Event], caplog: pytest.LogCaptureFixture
) -> None:
    name, _ = held
    with caplog.at_level(logging.DEBUG):
        found = store.result(selected(name, "grad-cam"), lambda _: None)
    stored = store.cached_result(asked(name, "grad-cam"))
    assert stored is not None
    assert stored.raw.tobytes() == found.raw.tobytes()
    # Streamlit warns of what a thread without a visitor may not use; that nothing is served here it always says.
    by_worker = [record for record in caplog.records if record.threadName != threading.current_thread().name]
    assert {record.getMessage() for record in by_worker if "streamlit" in record.name} <= {NOT_SERVED}


def test_a_store_keeps_what_is_put_and_no_other_store_has_it() -> None:
    first, second = ResultStore[list[int]]("one", max_entries=2), ResultStore[list[int]]("another", max_entries=2)
    assert first.get("a") is None
    first.put("a", [1])
    first.put("a", [2])  # the first to finish has stored it
    assert first.get("a") == [1]
    assert second.get("a") is None
    second.put("a", [3])
    assert (first.get("a"), second.get("a")) == ([1], [3])
    changed = first.get("a")
    assert changed
    changed.append(9)
    assert first.get("a") == [1]
    first.put("b", [4])
    first.put("c", [5])
    assert (first.get("a"), first.get("c")) == (None, [5])  # it holds two
    st.cache_data.clear()
    assert first.get("c") is None


def test_a_store_computes_once_and_only_what_it_lacks() -> None:
    numbers, started = ResultStore[int]("numbers", max_entries=2), []

    def frames() -> Generator[int, None, None]:
        started.append("work")
        yield from (1, 2)

    assert [numbers.get_or_compute("a", frames, lambda _: None) for _ in range(2)] == [2, 2]
    assert started == ["work"]
    st.cache_data.clear()


@pytest.mark.parametrize("to", ["explore", "dream"])
def test_a_page_that_stays_open_holds_no_model_that_the_cache_has_dropped(to: str) -> None:
    models._cache.clear()
    test = page(to, visualisation="activations") if to == "explore" else page(to)
    if to == "dream":
        next(slider for slider in test.slider if slider.label == "Steps").set_value(2)
        next(button for button in test.button if button.label == "Dream").click().run()
        while not is_shown(test):
            time.sleep(0.1)
            test.run()
    assert not test.exception
    module = weakref.ref(store.model("shapes").module)
    models._cache.clear()
    gc.collect()
    assert module() is None
