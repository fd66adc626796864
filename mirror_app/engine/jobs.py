"""Computations in the background: a few workers, a queue, and the newest frame of each computation.

A request for something that is being computed joins the computation. A computation that nobody waits for is abandoned
between two frames. If it is already computing its last frame, it finishes and its result is stored.
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

# How many seconds a job goes on when nobody waits for it: a page that reruns leaves its job and joins it again.
GRACE_PERIOD = 1.0


class Job(Generic[T]):
    """A computation and its newest frame, which is the result once the computation is done."""

    def __init__(self) -> None:
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
    """A queue of computations, of which at most `workers` run at once, first come, first served."""

    def __init__(self, workers: int) -> None:
        self._workers = ThreadPoolExecutor(workers, "computation")
        self._lock = Lock()
        self._closed = False
        self._jobs: dict[str, Job[T]] = {}  # the waiting and the running jobs, oldest first

    @contextmanager
    def join(self, key: str, frames: Frames[T]) -> Iterator[Job[T]]:
        """Yield the job of `key`, submitting one if there is none; inside the context, the job counts as watched."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.abandoned:
                self._jobs.pop(key, None)
                job = self._jobs[key] = Job()
                self._workers.submit(self._work, key, job, frames)
            job.watchers += 1
        try:
            yield job
        finally:
            with self._lock:
                job.watchers -= 1
                job.last_watched = time.monotonic()

    def jobs_ahead(self, job: Job[T]) -> int:
        """Return how many waiting jobs will start before `job` does."""
        with self._lock:
            waiting = [queued for queued in self._jobs.values() if not queued.has_started]
        return waiting.index(job) if job in waiting else 0

    def close(self) -> None:
        """Cancel all jobs and end the workers; a running job ends after its current frame."""
        with self._lock:
            self._closed = True
            for job in self._jobs.values():
                job.error = MirrorError("Mirror was stopped.")
                job.done.set()
        self._workers.shutdown(cancel_futures=True)

    def _work(self, key: str, job: Job[T], frames: Frames[T]) -> None:
        job.has_started = True
        try:
            if not self._abandon_if_unwanted(job):
                with closing(frames()) as running:
                    was_unwanted = False
                    for frame in running:
                        # A job that nobody waits for is abandoned one frame late. Its current frame may be the last; if
                        # so, asking for the next frame lets the generator store the result.
                        if was_unwanted and self._abandon_if_unwanted(job):
                            break
                        job.newest = frame
                        was_unwanted = self._is_unwanted(job)
        except BaseException as error:  # it is raised in the threads that wait; not even SystemExit may end the worker
            job.error = error
        finally:
            with self._lock:
                if self._jobs.get(key) is job:
                    del self._jobs[key]
            job.done.set()

    def _abandon_if_unwanted(self, job: Job[T]) -> bool:
        """Abandon `job` if nobody waits for it, and return whether it is abandoned; nobody can join it then."""
        with self._lock:
            job.abandoned = self._is_unwanted(job)
        return job.abandoned

    def _is_unwanted(self, job: Job[T]) -> bool:
        return self._closed or (not job.watchers and time.monotonic() - job.last_watched > GRACE_PERIOD)


def store_last(frames: Frames[T], store: Callable[[T], object]) -> Generator[T, None, None]:
    """Yield the frames, then pass the last one to `store`, even if the visitor who requested it has left by then."""
    with closing(frames()) as running:
        for newest in running:
            yield newest
    store(newest)
