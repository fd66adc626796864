"""A finished result is stored by the worker that made it: a visitor who leaves before the end loses it for nobody."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
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
from mirror_app.ui.state.background_runs import FrameSnapshot, RunSlot
from mirror_app.ui.store import computations
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


def seen(name: str) -> engine.Result:
    return engine.run(asked(name, "grad-cam"), store.model(name), picture(name))


ASK: dict[str, Callable[[str, store.OnProgress], object]] = {
    "a result of one frame": lambda name, then: store.result(asked(name, "grad-cam"), picture(name), then),
    "a result of many frames": lambda name, then: store.result(asked(name, "occlusion"), picture(name), then),
    "the answer of the model": lambda name, then: store.prediction(store.model(name), picture(name), then),
    "a result of shuffled weights": lambda name, then: store.shuffled(
        asked(name, "grad-cam"), picture(name), RESULTS[name], Depth("everything", ("net.maps",)), then
    ),
    "curves": lambda name, then: store.curves(asked(name, "grad-cam"), picture(name), RESULTS[name], 0, then),
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
    request = asked(name, "deep-dream", octaves=1, steps=2)
    work: jobs.Jobs[FrameSnapshot] = jobs.Jobs(1)
    run_slot = RunSlot(work, store.store_result)
    run_slot.begin(request, store.model(name), picture(name))
    assert run_slot.run is not None
    assert run_slot.run.job.done.wait(10)
    stored = store.cached_result(request)
    assert stored is not None
    assert stored.raw.tobytes() == run_slot.run.job.result().result.raw.tobytes()
    work.close()


def test_what_fails_is_not_stored_and_who_waits_is_told(held: tuple[str, threading.Event]) -> None:
    name, _ = held
    wrong = replace(asked(name, "grad-cam"), params=(("target_class", 99),))
    for _ in range(2):
        with refused(culprit="99", accepted="0 to 1"):
            store.result(wrong, picture(name), lambda _: None)
    assert store.cached_result(wrong) is None


def test_the_worker_stores_without_a_word_from_streamlit(
    held: tuple[str, threading.Event], caplog: pytest.LogCaptureFixture
) -> None:
    name, _ = held
    with caplog.at_level(logging.DEBUG):
        found = store.result(asked(name, "grad-cam"), picture(name), lambda _: None)
    stored = store.cached_result(asked(name, "grad-cam"))
    assert stored is not None
    assert stored.raw.tobytes() == found.raw.tobytes()
    # Streamlit warns of what a thread without a visitor may not use; that nothing is served here it always says.
    assert {record.getMessage() for record in caplog.records if "streamlit" in record.name} <= {NOT_SERVED}
