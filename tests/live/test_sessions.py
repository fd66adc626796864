"""Live sessions: started, looked for and stopped in many threads at once, and of models that are still trained."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mirror_app import live
from mirror_app.engine.request import Request
from mirror_app.images import Picture
from mirror_app.live import LiveSession, launch, sessions
from mirror_app.live.launch import Handle, start
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model
from mirror_app.ui import store
from mirror_app.ui.common import layer_facts
from mirror_app.visualisations import registry
from mirror_app.visualisations.web import GradCam, offer
from tests.networks import Linear
from tests.refused import refused

INPUT = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
THREADS = 6


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    """Threads take turns as often as they can, so that what can go wrong between two steps does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    for handle in list(launch._handles):
        handle.stop()
    assert not sessions._sessions
    assert not registry._temporary


def at_once(work: Callable[[int], object]) -> list[object]:
    """The results of `work` in as many threads, which begin together; raise what one of them raised."""
    barrier = threading.Barrier(THREADS)

    def together(number: int) -> object:
        barrier.wait(10)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(together, range(THREADS)))


def test_sessions_that_start_at_once_share_one_server_and_stop_at_once(free: int) -> None:
    models = [Linear() for _ in range(THREADS)]
    handles = [handle for handle in at_once(lambda n: start(INPUT, models[n], port=free)) if isinstance(handle, Handle)]
    assert len(handles) == THREADS == len({handle.url for handle in handles})
    assert len({handle.url.partition("?")[0] for handle in handles}) == 1

    def stop(number: int) -> None:
        handles[number].stop()
        handles[0].stop()

    at_once(stop)
    assert {repr(handle) for handle in handles} == {"Mirror, stopped"}
    assert not launch._handles


def test_a_session_that_starts_while_the_last_one_stops_is_served(free: int) -> None:
    for _ in range(3):
        first = start(INPUT, Linear(), port=free)

        def turn(number: int, first: Handle = first) -> Handle | None:
            if number:
                return start(INPUT, Linear(), port=free)
            first.stop()
            return None

        for handle in at_once(turn):
            if isinstance(handle, Handle):
                assert handle._server._thread.is_alive()
                handle.stop()


def test_names_are_found_while_other_sessions_come_and_go() -> None:
    @offer("Own")
    def own(model: object, inputs: torch.Tensor, layer: object) -> torch.Tensor:
        return inputs

    made = live_session("fixed", INPUT, Linear(), [own, GradCam], PreprocessingOverrides())

    def other(number: int, turn: int) -> LiveSession:
        session_id = f"{number}-{turn}"
        models = {live.link_name("Linear", session_id): next(iter(made.models.values()))}
        entries = [replace(made.custom_entries[0], key=live.link_name("own", session_id))]
        return LiveSession(session_id, models, made.pictures, entries)

    def work(number: int) -> None:
        for turn in range(100):
            session = other(number, turn)
            (name,), (entry,) = session.models, session.entries
            live.add(session)
            assert live.session_of(name) is session
            assert live.display_name(name) == "Linear"
            assert registry.get(entry.key) is entry
            live.remove(session)
            assert live.session_of(name) is None
            with refused(entry.key):
                registry.get(entry.key)

    at_once(work)


def test_a_live_model_that_is_trained_further_gets_new_pictures_and_layers() -> None:
    net = Linear()
    session = live_session("training", INPUT, net, None, PreprocessingOverrides())
    live.add(session)
    try:
        (model,), (picture,) = session.models.values(), session.pictures
        request = Request(model.name, picture.id, "maps", "grad-cam")
        looks = [_look(request, model, picture) for _ in range(2)]
        assert np.array_equal(looks[0], looks[1])  # the second is the first, from the cache
        with torch.no_grad():
            net.classifier.weight.neg_()
        assert np.allclose(_look(request, model, picture), -looks[0])
        net.add_module("classifier", nn.Sequential(nn.Linear(4, 2)))
        assert "classifier.0" in [layer.name for layer in layer_facts.tree(model.name)]
    finally:
        live.remove(session)


def _look(request: Request, model: Model, picture: Picture) -> np.ndarray:
    assert "classifier" in [layer.name for layer in layer_facts.tree(model.name)]
    store.prediction(model, picture)
    return store.result(store.Selection.of(request, picture), lambda _: None).raw
