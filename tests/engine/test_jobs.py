"""Computations under way: joined, queued, given up, and never a worker lost."""

import threading
import time
from collections.abc import Generator

import pytest

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


def test_the_others_wait_in_the_order_in_which_they_came() -> None:
    gate, work = threading.Event(), Jobs[int](1)
    with (
        work.join("a", lambda: counted(2, [], gate)) as first,
        work.join("b", lambda: counted(1, [])) as second,
        work.join("c", lambda: counted(1, [])) as third,
    ):
        while not first.has_started:
            time.sleep(0.01)
        assert [work.jobs_ahead(job) for job in (first, second, third)] == [0, 0, 1]
        gate.set()
        assert [finished(job) for job in (first, second, third)] == [1, 0, 0]


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


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, KeyboardInterrupt, MemoryError])
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
