"""Computations in the background, which take turns, and the newest frame of each.

A request for something that is being computed joins the computation. A computation that nobody waits for is abandoned
between two frames, or between two modules of the model. If nothing is left of its last frame but to store the result,
it finishes.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from threading import Event, Lock, Thread, current_thread
from typing import Generic, TypeVar

from mirror_app import activity
from mirror_app.errors import MirrorError
from mirror_app.probe.interruption import Interrupted, checking
from mirror_app.turns import NOBODY, Turns, Visitor
from mirror_app.visualisations.core.batching import is_out_of_memory

T = TypeVar("T")
Frames = Callable[[], Generator[T, None, None]]

# How many seconds a job goes on when nobody waits for it: a page that reruns leaves its job and joins it again.
GRACE_PERIOD = 1.0
# How many seconds a turn lasts at least, so that a quick computation is done in one turn.
TURN = 0.25


class Job(Generic[T]):
    """A computation and its newest frame, which is the result once the computation is done."""

    def __init__(self, visitor: Visitor = NOBODY) -> None:
        self.visitor = visitor
        self.newest: T | None = None
        self.done = Event()
        self.has_started = False
        self.abandoned = False
        self.watchers = 0
        self.last_watched = 0.0
        self.error: BaseException | None = None

    def result(self) -> T:
        """Return the last frame of a finished job, or raise the error that ended its computation."""
        if isinstance(self.error, Exception):
            raise self.error
        if self.error is not None:
            name = type(self.error).__name__
            raise MirrorError(f"The computation tried to end the program: {name}.", culprit=name) from self.error
        assert self.newest is not None
        return self.newest


class Jobs(Generic[T]):
    """Computations, of which at most `workers` compute at once, in turn.

    Args:
        workers: How many computations compute at the same time.
        capacity: How many computations there may be. Further ones are refused.
        seconds: How long one computation may compute, without the time that it waits.
    """

    def __init__(self, workers: int, capacity: int = 1000, seconds: float = math.inf) -> None:
        self._turns = Turns(workers)
        self._capacity = capacity
        self._seconds = seconds
        self._lock = Lock()
        self._closed = False
        self._jobs: dict[str, Job[T]] = {}  # the waiting and the running jobs, oldest first
        self._threads: set[Thread] = set()

    def __len__(self) -> int:
        """Return how many computations run or wait."""
        return len(self._threads)

    @contextmanager
    def join(self, key: str, frames: Frames[T], visitor: Visitor = NOBODY) -> Iterator[Job[T]]:
        """Yield the job of `key`, submitting one for `visitor` if there is none; within the context, it is watched.

        Raises MirrorError if there are too many jobs.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.abandoned:
                job = self._submit(key, frames, visitor)
            job.watchers += 1
        try:
            yield job
        finally:
            with self._lock:
                job.watchers -= 1
                job.last_watched = time.monotonic()

    def jobs_ahead(self, job: Job[T]) -> int:
        """Return how many waiting jobs came before `job` did."""
        with self._lock:
            waiting = [queued for queued in self._jobs.values() if not queued.has_started]
        return waiting.index(job) if job in waiting else 0

    def close(self) -> None:
        """Cancel all jobs and end their threads; a running job ends after its current frame."""
        with self._lock:
            self._closed = True
            for job in self._jobs.values():
                job.error = MirrorError("Mirror was stopped.")
                job.done.set()
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _submit(self, key: str, frames: Frames[T], visitor: Visitor) -> Job[T]:
        self._require_room(visitor)
        activity.count("computations")
        job: Job[T] = Job(visitor)
        thread = Thread(target=self._work, args=(key, job, frames), name="computation")
        thread.start()
        self._jobs[key] = job
        self._threads.add(thread)
        return job

    def _require_room(self, visitor: Visitor) -> None:
        """Raise MirrorError if there are too many jobs, or too many of one visitor, which must not shut out others."""
        jobs = [job for job in self._jobs.values() if job.has_started or not self._is_unwanted(job)]
        same = [sum(name in job.visitor for job in jobs) for name in visitor]
        if len(jobs) >= self._capacity or any(count >= max(1, self._capacity // 2) for count in same):
            activity.count("refused_computations")
            raise MirrorError(
                f"This server is busy: {len(jobs)} computations are running or waiting.",
                culprit="computations",
                accepted=f"at most {self._capacity} computations",
                hint="Try again in a minute.",
            )

    def _work(self, key: str, job: Job[T], frames: Frames[T]) -> None:
        try:
            self._compute(job, frames)
        except BaseException as error:  # it is raised in the threads that wait
            job.error = _error_of(error)
        finally:
            with self._lock:
                if self._jobs.get(key) is job:
                    del self._jobs[key]
                self._threads.remove(current_thread())
            job.done.set()

    def _compute(self, job: Job[T], frames: Frames[T]) -> None:
        with closing(frames()) as running:
            seconds, is_going_on = 0.0, True
            while is_going_on:
                with self._turns.take(job.visitor, is_first=not job.has_started):
                    if not job.has_started and self._abandon_if_unwanted(job):
                        return
                    job.has_started = True
                    started = time.monotonic()
                    with checking(partial(self._require_wanted, job, until=started + self._seconds - seconds)):
                        is_going_on = self._compute_in_turn(job, running)
                    seconds += time.monotonic() - started
                if is_going_on and seconds > self._seconds:
                    raise _too_long(self._seconds)

    def _require_wanted(self, job: Job[T], until: float) -> None:
        """End the pass that is being computed if nobody waits for `job`, or if it is later than `until`."""
        if self._is_unwanted(job) and self._abandon_if_unwanted(job):
            raise Interrupted
        if time.monotonic() > until:
            raise Interrupted from _too_long(self._seconds)

    def _compute_in_turn(self, job: Job[T], running: Generator[T, None, None]) -> bool:
        """Compute frames until the turn is over, and return whether there may be more."""
        end = time.monotonic() + TURN
        while True:
            was_unwanted = job.newest is not None and self._is_unwanted(job)
            frame = next(running, None)
            # A job that nobody waits for is abandoned one frame late. Its current frame may be the last; if so, asking
            # for the next frame lets the generator store the result.
            if frame is None or (was_unwanted and self._abandon_if_unwanted(job)):
                return False
            job.newest = frame
            if time.monotonic() >= end:
                return True

    def _abandon_if_unwanted(self, job: Job[T]) -> bool:
        """Abandon `job` if nobody waits for it, and return whether it is abandoned; nobody can join it then."""
        with self._lock:
            job.abandoned = self._is_unwanted(job)
        return job.abandoned

    def _is_unwanted(self, job: Job[T]) -> bool:
        return self._closed or (not job.watchers and time.monotonic() - job.last_watched > GRACE_PERIOD)


def _error_of(error: BaseException) -> BaseException:
    """Return the error to raise in the threads that wait for a computation that raised `error`."""
    if is_out_of_memory(error):  # the original error would hold the tensors that were too large
        return _out_of_memory()
    if isinstance(error, Interrupted):
        return error.__cause__ or MirrorError("The computation was ended, since nobody waited for it.")
    return error


def _out_of_memory() -> MirrorError:
    return MirrorError(
        "There is not enough memory for this computation.",
        culprit="memory",
        hint="Choose a smaller model or a smaller picture, or try again later.",
    )


def _too_long(seconds: float) -> MirrorError:
    return MirrorError(
        f"The computation was ended: it takes longer than the {seconds:.0f} seconds that this server allows.",
        culprit="the computation",
        accepted=f"{seconds:.0f} seconds",
        hint="Choose a smaller model or fewer samples.",
    )


def store_last(frames: Frames[T], store: Callable[[T], object]) -> Generator[T, None, None]:
    """Yield the frames, then pass the last one to `store`, even if the visitor who requested it has left by then."""
    with closing(frames()) as running:
        for newest in running:
            yield newest
    store(newest)
