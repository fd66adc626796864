"""Computations under way: a few workers, a queue, and the newest frame of each.

Whoever asks for what is under way already joins it. What nobody waits for any longer is given up between two frames,
unless its last frame was being made: a computation stores its own result at its end.
"""

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Event, Lock
from typing import Generic, TypeVar

from mirror_app.errors import MirrorError

T = TypeVar("T")
Frames = Callable[[], Generator[T, None, None]]

GRACE_PERIOD = 1.0  # seconds: a rerun of the page leaves what it waits for, and asks for it again at once


class Job(Generic[T]):
    """A computation: its newest frame, which is the result once it is done."""

    def __init__(self) -> None:
        self.newest: T | None = None
        self.done = Event()
        self.has_started = False
        self.abandoned = False
        self.watchers = 0
        self.last_watched = 0.0
        self.error: BaseException | None = None

    def result(self) -> T:
        """Return the last frame of a job that is done; raise what its computation raised."""
        if isinstance(self.error, Exception):
            raise self.error
        if self.error is not None:
            raise MirrorError(f"The computation tried to end the program: {type(self.error).__name__}.") from self.error
        assert self.newest is not None
        return self.newest


class Jobs(Generic[T]):
    """At most so many computations at once, first come, first served."""

    def __init__(self, workers: int) -> None:
        self._workers = ThreadPoolExecutor(workers, "computation")
        self._guard = Lock()
        self._closed = False
        self._running: dict[str, Job[T]] = {}  # in the order in which they came

    @contextmanager
    def join(self, key: str, frames: Frames[T]) -> Iterator[Job[T]]:
        """Lend the job of that key, begun where there is none; it lives while somebody holds it."""
        with self._guard:
            job = self._running.get(key)
            if job is None or job.abandoned:
                self._running.pop(key, None)
                job = self._running[key] = Job()
                self._workers.submit(self._work, key, job, frames)
            job.watchers += 1
        try:
            yield job
        finally:
            with self._guard:
                job.watchers -= 1
                job.last_watched = time.monotonic()

    def jobs_ahead(self, job: Job[T]) -> int:
        """Return how many others must begin before `job` does."""
        with self._guard:
            waiting = [other for other in self._running.values() if not other.has_started]
        return waiting.index(job) if job in waiting else 0

    def close(self) -> None:
        """Give up everything and end the workers; what is under way ends with its next frame."""
        with self._guard:
            self._closed = True
            for job in self._running.values():
                job.error = MirrorError("Mirror was stopped.")
                job.done.set()
        self._workers.shutdown(cancel_futures=True)

    def _work(self, key: str, job: Job[T], frames: Frames[T]) -> None:
        job.has_started = True
        try:
            if not self._gives_up(job):
                with closing(frames()) as running:
                    unwanted = False
                    for frame in running:
                        # Not after the frame before: that may have been the last, and what is finished is not lost.
                        if unwanted and self._gives_up(job):
                            break
                        job.newest = frame
                        unwanted = self._unwanted(job)
        except BaseException as error:  # whoever waits gets it; not even an exit may end the worker
            job.error = error
        finally:
            with self._guard:
                if self._running.get(key) is job:
                    del self._running[key]
            job.done.set()

    def _gives_up(self, job: Job[T]) -> bool:
        """Decide whether to go on with `job`; from then on nobody joins one that is given up."""
        with self._guard:
            job.abandoned = self._unwanted(job)
        return job.abandoned

    def _unwanted(self, job: Job[T]) -> bool:
        return self._closed or (not job.watchers and time.monotonic() - job.last_watched > GRACE_PERIOD)


def store_last(frames: Frames[T], store: Callable[[T], object]) -> Generator[T, None, None]:
    """Yield the frames and give the last one to `store`. The worker does it: whoever asked may be gone by then."""
    with closing(frames()) as running:
        for newest in running:
            yield newest
    store(newest)
