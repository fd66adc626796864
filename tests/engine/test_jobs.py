"""Computations under way: joined, queued, given up, and never a worker lost."""

import gc
import threading
import time
import weakref
from collections.abc import Generator
from contextlib import ExitStack
from functools import partial

import numpy as np
import pytest
import torch

from mirror_app import turns
from mirror_app.engine import jobs
from mirror_app.engine.jobs import Job, Jobs
from mirror_app.errors import MirrorError
from tests.refused import refused


def counted(steps: int, seen: list[int], gate: threading.Event | None = None) -> Generator[int, None, None]:
    for step in range(steps):
        seen.append(step)
        yield step
        if gate:
            gate.wait(10)


def finished(job: Job[int]) -> int:
    assert job.done.wait(10)
    return job.result()


def test_the_last_frame_is_the_result_and_the_newest_can_be_seen_before() -> None:
    gate, seen = threading.Event(), list[int]()
    with Jobs[int](1).join("a", lambda: counted(3, seen, gate)) as job:
        while job.newest is None:
            time.sleep(0.01)
        assert job.newest == 0
        assert not job.done.is_set()
        gate.set()
        assert finished(job) == 2


def test_whoever_asks_for_the_same_joins_and_it_is_computed_once() -> None:
    gate, seen, work = threading.Event(), list[int](), Jobs[int](2)
    with work.join("a", lambda: counted(2, seen, gate)) as first, work.join("a", lambda: counted(2, seen)) as second:
        assert first is second
        gate.set()
        assert finished(second) == 1
    assert seen == [0, 1]


@pytest.fixture
def _turns_of_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "TURN", 0.0)


def gated(name: str, steps: int, turns: list[str], gate: threading.Event) -> Generator[str, None, None]:
    """Wait for the gate, then add the name to the turns in each step."""
    gate.wait(10)
    for _ in range(steps):
        turns.append(name)
        yield name


@pytest.mark.usefixtures("_turns_of_one_frame")
def test_a_newcomer_waits_for_one_step_of_the_long_computations_of_others() -> None:
    gate, turns, work = threading.Event(), list[str](), Jobs[str](1)
    with ExitStack() as stack:
        started = [stack.enter_context(work.join("a", lambda: gated("a", 5, turns, gate), ("ann",)))]
        while not started[0].has_started:
            time.sleep(0.01)
        for key, visitor in (("b", "ann"), ("c", "bob"), ("d", "cem")):
            frames = partial(gated, key, 3, turns, gate)
            started.append(stack.enter_context(work.join(key, frames, (visitor,))))
            while work._turns.waiting < len(started) - 1:
                time.sleep(0.01)
        assert [work.jobs_ahead(job) for job in started] == [0, 0, 1, 2]
        gate.set()
        assert all(job.done.wait(10) for job in started)
    # Ann's second computation waits until the others had a turn; then all three visitors take turns.
    assert "".join(turns[:4]) == "acdb"
    assert sorted(turns[4:7]) == ["a", "c", "d"]
    assert sorted(turns) == list("aaaaabbbcccddd")


@pytest.mark.usefixtures("_turns_of_one_frame")
def test_one_of_two_places_is_for_the_first_steps_of_newcomers() -> None:
    gate, work = threading.Event(), Jobs[int](2)
    with work.join("a", lambda: counted(3, [], gate)) as long, work.join("b", lambda: counted(3, [], gate)) as other:
        while long.newest is None or other.newest is None:  # both are in their second step, or wait for it
            time.sleep(0.01)
        for number in range(3):
            with work.join(f"quick {number}", lambda: counted(1, [])) as newcomer:
                while newcomer.newest is None:
                    time.sleep(0.01)
        assert not long.done.is_set()
        assert not other.done.is_set()
        gate.set()
        assert [finished(job) for job in (long, other)] == [2, 2]


def test_a_quick_computation_is_done_in_one_turn() -> None:
    gate, turns, work = threading.Event(), list[str](), Jobs[str](1)
    with (
        work.join("a", partial(gated, "a", 3, turns, gate)) as first,
        work.join("b", partial(gated, "b", 3, turns, gate)) as second,
    ):
        gate.set()
        assert all(job.done.wait(10) for job in (first, second))
    assert "".join(turns) == "aaabbb"


@pytest.mark.usefixtures("_turns_of_one_frame")
def test_tabs_of_one_address_share_its_turns() -> None:
    gate, turns, work = threading.Event(), list[str](), Jobs[str](1)
    with ExitStack() as stack:
        together = [stack.enter_context(work.join("x", partial(gated, "x", 1, turns, gate), ("1.1.1.1", "tab 0")))]
        while not together[0].has_started:
            time.sleep(0.01)
        for number in range(1, 9):
            frames, visitor = partial(gated, "x", 4, turns, gate), ("1.1.1.1", f"tab {number}")
            together.append(stack.enter_context(work.join(f"x{number}", frames, visitor)))
        together.append(stack.enter_context(work.join("y", partial(gated, "y", 4, turns, gate), ("2.2.2.2", "tab"))))
        while work._turns.waiting < len(together) - 1:
            time.sleep(0.01)
        gate.set()
        assert all(job.done.wait(10) for job in together)
    assert "".join(turns[:8]) == "xyxyxyxy"


def test_beyond_its_capacity_it_refuses_and_takes_the_next_when_one_is_done() -> None:
    gate, work = threading.Event(), Jobs[int](1, capacity=2)
    with (
        work.join("a", lambda: counted(2, [], gate)) as first,
        work.join("b", lambda: counted(1, [])) as second,
    ):
        with refused(problem="busy"), work.join("c", lambda: counted(1, [])):
            pass
        with work.join("b", lambda: counted(1, [])) as again:  # who joins adds nothing
            assert again is second
        gate.set()
        assert [finished(job) for job in (first, second)] == [1, 0]
    deadline = time.monotonic() + 10
    while work._threads and time.monotonic() < deadline:
        time.sleep(0.01)
    with work.join("c", lambda: counted(1, [])) as third:
        assert finished(third) == 0


def test_no_visitor_takes_all_places() -> None:
    gate, work = threading.Event(), Jobs[int](1, capacity=4)
    with ExitStack() as stack:
        for number in range(2):
            frames = partial(counted, 2, [], gate)
            stack.enter_context(work.join(f"a{number}", frames, ("1.1.1.1", f"tab {number}")))
        with refused(problem="busy"), work.join("a2", lambda: counted(1, []), ("1.1.1.1", "tab 2")):
            pass
        other = stack.enter_context(work.join("b", lambda: counted(1, []), ("2.2.2.2", "tab")))
        gate.set()
        assert finished(other) == 0


def test_what_nobody_waits_for_any_more_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "GRACE_PERIOD", 0.0)
    gate, work = threading.Event(), Jobs[int](1, capacity=2)
    with work.join("a", lambda: counted(2, [], gate)) as running:
        while running.newest is None:
            time.sleep(0.01)
        for number in range(5):
            with work.join(f"b{number}", lambda: counted(1, [])):
                pass
            time.sleep(0.01)
        with work.join("c", lambda: counted(1, [])) as wanted:
            gate.set()
            assert finished(wanted) == 0


def test_a_computation_that_is_done_is_not_ended_for_its_time() -> None:
    def slow() -> Generator[int, None, None]:
        time.sleep(0.2)
        yield 7

    with Jobs[int](1, seconds=0.1).join("a", slow) as job:
        assert finished(job) == 7


def test_whoever_has_waited_long_comes_before_newcomers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.3)
    places, order = turns.Turns(1), list[str]()

    def take(name: str) -> None:
        with places.take((name,)):
            order.append(name)

    with places.take(("first",)):
        pass
    with places.take(("other",)):
        threads = [threading.Thread(target=take, args=("first",))]
        threads[0].start()
        time.sleep(0.4)
        for name in ("new", "newer"):
            threads.append(threading.Thread(target=take, args=(name,)))
            threads[-1].start()
        while places.waiting < 3:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert order[0] == "first"


def test_a_computation_that_takes_too_long_is_ended_and_waiting_does_not_count() -> None:
    def slow() -> Generator[int, None, None]:
        for step in range(100):
            time.sleep(0.1)
            yield step

    gate, work = threading.Event(), Jobs[int](1, seconds=0.25)
    with work.join("a", lambda: counted(1, [])) as quick, work.join("b", slow) as job:
        with refused(problem="longer"):
            finished(job)
        assert job.newest == 2
        assert finished(quick) == 0
    with work.join("c", lambda: counted(2, [], gate)) as blocked, work.join("d", lambda: counted(3, [])) as waiting:
        threading.Timer(0.1, gate.set).start()
        assert finished(blocked) == 1
        assert finished(waiting) == 2


def test_what_nobody_waits_for_is_given_up_between_two_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "GRACE_PERIOD", 0.2)
    closed = threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                yield 1
                time.sleep(0.01)
        finally:
            closed.set()

    work = Jobs[int](1)
    with work.join("a", endless) as job:
        pass
    assert job.done.wait(10)
    assert closed.is_set()
    with work.join("a", lambda: counted(1, [])) as again:  # and the worker is free for others
        assert again is not job
        assert finished(again) == 0


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_what_is_in_its_last_frame_when_its_visitor_leaves_comes_to_its_end(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "GRACE_PERIOD", 0.0)
    gate, stored, last = threading.Event(), list[int](), threading.Event()

    def stores() -> Generator[int, None, None]:
        for step in range(frames):
            if step == frames - 1:
                last.set()
                gate.wait(10)
            yield step
        stored.append(step)

    work = Jobs[int](1)
    with work.join("a", stores) as job:
        assert last.wait(10)
    time.sleep(0.02)
    gate.set()
    assert finished(job) == frames - 1
    assert stored == [frames - 1]


def test_who_comes_back_before_the_next_frame_finds_the_job_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "GRACE_PERIOD", 0.0)
    gate, seen, work = threading.Event(), list[int](), Jobs[int](1)
    with work.join("a", lambda: counted(3, seen, gate)) as job:
        while job.newest is None:
            time.sleep(0.01)
    time.sleep(0.02)
    with work.join("a", lambda: counted(3, seen, gate)) as again:
        assert again is job
        gate.set()
        assert finished(again) == 2
    assert seen == [0, 1, 2]


def test_a_rerun_that_asks_again_at_once_finds_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, seen, work = threading.Event(), list[int](), Jobs[int](1)
    with work.join("a", lambda: counted(2, seen, gate)):
        pass
    with work.join("a", lambda: counted(2, seen, gate)) as job:
        gate.set()
        assert finished(job) == 1
    assert seen == [0, 1]


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_whatever_a_computation_raises_reaches_who_waits_and_ends_no_worker(error: type[BaseException]) -> None:
    def fails() -> Generator[int, None, None]:
        yield 0
        raise error

    work = Jobs[int](1)
    expected = error if issubclass(error, Exception) else MirrorError
    with work.join("a", fails) as job, pytest.raises(expected) as caught:
        finished(job)
    assert not isinstance(caught.value, MirrorError) or caught.value.culprit == error.__name__
    with work.join("a", lambda: counted(1, [])) as again:
        assert finished(again) == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."),
    ],
)
def test_of_memory_that_runs_out_one_sentence_tells_and_nothing_is_held(error: Exception) -> None:
    held = []

    def fails() -> Generator[int, None, None]:
        large = np.zeros(9)
        held.append(weakref.ref(large))
        yield 0
        raise error

    with Jobs[int](1).join("a", fails) as job, refused(culprit="memory"):
        finished(job)
    error.__traceback__ = None
    gc.collect()
    assert held[0]() is None


def test_closing_ends_what_is_under_way_what_waits_and_the_workers() -> None:
    gate, seen, before = threading.Event(), list[int](), threading.active_count()
    work = Jobs[int](1)
    with work.join("a", lambda: counted(9, seen, gate)) as running, work.join("b", lambda: counted(1, [])) as waiting:
        while not seen:
            time.sleep(0.01)
        threading.Timer(0.1, gate.set).start()
        work.close()
        for job in (running, waiting):
            with refused(problem="stopped"):
                finished(job)
    assert len(seen) < 9
    assert threading.active_count() <= before
