"""The computations of this server: those that pages wait for, and dreams, which run in the background."""

from typing import Any

import streamlit as st

from mirror_app import activity, live
from mirror_app.engine.jobs import Jobs
from mirror_app.engine.request import Request
from mirror_app.settings.server import server_settings
from mirror_app.ui.store.background_runs import FrameSnapshot
from mirror_app.ui.store.models import loading

_WORKERS = 2
_BACKGROUND_WORKERS = 1  # background runs take long, and the quick pictures of others must not wait for them


def request_key(request: Request) -> str:
    """Return the cache key of `request`, which changes when a live model has been trained further."""
    return f"{request.digest()} {live.revision(request.model)}"


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs[Any]:
    """Return the computations that pages wait for."""
    limits = server_settings().limits
    made = Jobs[Any](_WORKERS, limits.computations, limits.seconds)
    activity.add_gauge("unfinished_computations", made, len)
    return made


@st.cache_resource(show_spinner=False)
def background_jobs() -> Jobs[FrameSnapshot]:
    """Return the dreams that are being computed."""
    limits = server_settings().limits
    return Jobs(_BACKGROUND_WORKERS, limits.computations, limits.seconds)


def close() -> None:
    """Release everything, and end the threads that compute."""
    for running in (jobs(), loading(), background_jobs()):
        running.close()
    st.cache_resource.clear()
    st.cache_data.clear()
