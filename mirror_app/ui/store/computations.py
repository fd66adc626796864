"""The computations of this server: each runs once, however many visitors wait for it, and its result is cached."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from mirror_app import live
from mirror_app.engine.jobs import Frames, Job, Jobs, store_last
from mirror_app.engine.request import Request
from mirror_app.ui.store.background_runs import FrameSnapshot
from mirror_app.ui.store.models import POLL_SECONDS, loading

OnProgress = Callable[[str], None]

_WORKERS = 2
_BACKGROUND_WORKERS = 1  # background runs take long, and the quick pictures of others must not wait for them


class Missing(Exception):  # noqa: N818 - a signal, not an error
    """The cache has no entry under this key."""


def cached_or_computed(
    cached: Callable[[str, Any], Any], key: str, frames: Frames[Any], on_progress: OnProgress
) -> Any:
    """Return `cached(key, None)`; if it raises `Missing`, compute the last of `frames`, cache it and return it."""
    try:
        return cached(key, None)
    except Missing:
        with jobs().join(key, partial(store_last, frames, partial(cached, key))) as job:
            while not job.done.wait(POLL_SECONDS):
                on_progress(_state(job))
            return job.result()


def request_key(request: Request) -> str:
    """Return the cache key of `request`, which changes when a live model has been trained further."""
    return f"{request.digest()} {live.revision(request.model)}"


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs[Any]:
    """Return the computations that pages wait for."""
    return Jobs(_WORKERS)


@st.cache_resource(show_spinner=False)
def background_jobs() -> Jobs[FrameSnapshot]:
    """Return the dreams that are being computed."""
    return Jobs(_BACKGROUND_WORKERS)


def close() -> None:
    """Release everything, and end the threads that compute."""
    for running in (jobs(), loading(), background_jobs()):
        running.close()
    st.cache_resource.clear()
    st.cache_data.clear()


def _state(job: Job[Any]) -> str:
    if not job.has_started:
        jobs_ahead = jobs().jobs_ahead(job)
        return f"Waiting: {jobs_ahead} before you" if jobs_ahead else "Waiting: you are next"
    progress = getattr(job.newest, "info", {}).get("progress")
    return "Computing" if progress is None else f"Computing: {progress:.0%}"
