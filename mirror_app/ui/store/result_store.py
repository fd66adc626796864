"""The results of computations, shared by all visitors: a worker computes each result once and stores it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import streamlit as st

from mirror_app.engine import Result
from mirror_app.engine.jobs import Frames, Job, store_last
from mirror_app.ui.state.visitor import visitor
from mirror_app.ui.store.computations import jobs
from mirror_app.ui.store.models import POLL_SECONDS

T = TypeVar("T")
OnProgress = Callable[[str], None]


class ResultStore(Generic[T]):
    """Results of one kind by key, held by `st.cache_data`: each use gets a copy.

    Args:
        name: The kind of result that the store holds, such as "predictions". Each store needs a name of its own.
        max_entries: The largest number of results. Beyond this number, the least recently used results are dropped.
        max_size: The largest size of all results together, such as "256mb"; None for no limit.
    """

    def __init__(self, name: str, max_entries: int, max_size: str | None = None) -> None:
        def cached(key: str, _make: Callable[[], T]) -> T:
            return _make()

        cached.__qualname__ = f"{type(self).__qualname__} of {name}"  # Streamlit tells caches apart by this name
        self._name = name
        self._cached = st.cache_data(max_entries=max_entries, max_size=max_size, show_spinner=False)(cached)

    def get(self, key: str) -> T | None:
        """Return the result under `key`, or None if there is none."""
        try:
            return self._cached(key, _nothing)
        except _NothingError:
            return None

    def put(self, key: str, result: T) -> None:
        """Store a result under `key`, unless one is stored there already."""
        self._cached(key, lambda: result)

    def get_or_compute(self, key: str, frames: Frames[T], on_progress: OnProgress) -> T:
        """Return the result under `key`; if there is none, let a worker compute it and store it.

        The worker stores the result, since the visitor who waits for it here may leave before the end.

        Args:
            key: A text that identifies the computation.
            frames: Starts the computation. Its last frame is the result.
            on_progress: Called several times a second with the state of the work.

        Raises:
            MirrorError: The computation fails with an expected error, or the server is busy. Nothing is stored then.
        """
        result = self.get(key)
        if result is not None:
            return result
        store_frames = partial(store_last, frames, partial(self.put, key))
        with jobs().join(f"{self._name}: {key}", store_frames, visitor()) as job:
            while not job.done.wait(POLL_SECONDS):
                on_progress(_state(job))
            return job.result()


class _NothingError(Exception):
    """Nothing is stored under this key. Streamlit stores what a cached function returns, but not what it raises."""


def _nothing() -> Any:
    raise _NothingError


def _state(job: Job[Any]) -> str:
    if not job.has_started:
        jobs_ahead = jobs().jobs_ahead(job)
        return f"Waiting: {jobs_ahead} before you" if jobs_ahead else "Waiting: you are next"
    progress = job.newest.info.progress if isinstance(job.newest, Result) else None
    return "Computing" if progress is None else f"Computing: {progress:.0%}"
