"""A pass through a model that nobody waits for is ended between two modules, and nothing else is touched."""

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirror_app import engine, probe
from mirror_app.bundled.examples import examples
from mirror_app.engine.jobs import Jobs
from mirror_app.engine.request import Request
from mirror_app.models import catalogue
from mirror_app.probe.interruption import Interrupted, checking
from tests.refused import refused

MODULES = 200


class Slow(torch.autograd.Function):
    """Takes its time in the given direction."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, forward: float, backward: float) -> Tensor:
        ctx.backward_seconds = backward
        time.sleep(forward)
        return inputs.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        time.sleep(ctx.backward_seconds)
        return gradients[0], None, None


class SlowModule(nn.Module):
    def __init__(self, forward: float, backward: float) -> None:
        super().__init__()
        self.seconds = forward, backward

    def forward(self, inputs: Tensor) -> Tensor:
        return Slow.apply(inputs, *self.seconds)


def one_pass(forward: float, backward: float, started: threading.Event) -> Callable[[], Generator[Tensor, None, None]]:
    """Return a computation of a single frame, which passes once through many slow modules."""
    network = nn.Sequential(*(SlowModule(forward, backward) for _ in range(MODULES)))

    def frames() -> Generator[Tensor, None, None]:
        started.set()
        inputs = torch.ones(1, requires_grad=True)
        yield torch.autograd.grad(network(inputs), inputs)[0]

    return frames


@pytest.mark.parametrize("seconds", [(0.1, 0.0), (0.0, 0.1)], ids=["forward", "backward"])
def test_a_long_pass_ends_within_two_seconds_when_its_visitor_leaves(seconds: tuple[float, float]) -> None:
    started, work = threading.Event(), Jobs[Tensor](1)
    with work.join("a", one_pass(*seconds, started)) as job:
        assert started.wait(10)
    left = time.monotonic()
    assert job.done.wait(10)
    assert time.monotonic() - left < 2
    with refused(problem="nobody waited"):
        job.result()
    with work.join("a", one_pass(0, 0, started)) as again:  # and it can be requested again
        assert again is not job
        assert again.done.wait(10)
        assert again.result() == 1


@pytest.mark.parametrize("seconds", [(0.01, 0.0), (0.0, 0.01)], ids=["forward", "backward"])
def test_a_long_pass_ends_when_its_time_is_over(seconds: tuple[float, float]) -> None:
    with Jobs[Tensor](1, seconds=0.3).join("a", one_pass(*seconds, threading.Event())) as job:
        assert job.done.wait(1.5)
        with refused(problem="longer than the 0 seconds"):
            job.result()


def test_a_pass_in_another_thread_goes_on_and_nothing_stays_behind() -> None:
    def fail() -> None:
        raise Interrupted

    inputs, results = torch.ones(1, requires_grad=True), list[Tensor]()
    with checking(fail):
        thread = threading.Thread(target=lambda: results.append(nn.Identity()(inputs)))
        thread.start()
        thread.join()
        with pytest.raises(Interrupted):
            nn.Identity()(inputs)
    assert torch.equal(results[0], inputs)
    assert not nn.modules.module._has_any_global_hook()


@pytest.mark.parametrize("name", ["grad-cam", "attention"])
def test_wherever_a_pass_is_ended_the_model_computes_the_same_afterwards(name: str) -> None:
    model, picture = catalogue.load("shapes-transformer"), examples()[0]
    module = model.module
    layer = "" if name == "attention" else "blocks.3.attention.qkv"
    request = Request("shapes-transformer", picture.id, layer, name)
    before, expected = probe.fingerprint(module), engine.run(request, model, picture).raw
    calls, ends = 0, 0
    while ends == calls:
        ends, calls = 2 * ends + 1, 0

        def count(limit: int = ends) -> None:
            nonlocal calls
            calls += 1
            if calls == limit:
                raise Interrupted

        try:
            with checking(count):
                interrupted = engine.run(request, model, picture).raw
        except Interrupted:
            assert probe.fingerprint(module) == before
    assert ends > 30
    assert (interrupted == expected).all()
    assert (engine.run(request, model, picture).raw == expected).all()
