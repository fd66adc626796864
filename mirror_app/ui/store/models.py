"""The models of this server, each loaded once for all visitors."""

from collections.abc import Callable, Generator
from functools import partial

import streamlit as st

from mirror_app import activity, live
from mirror_app.engine.jobs import Jobs
from mirror_app.models import Model, catalogue
from mirror_app.models.cache import ModelCache
from mirror_app.models.device import device
from mirror_app.models.transfer import DownloadProgress
from mirror_app.settings.server import server_settings

POLL_SECONDS = 0.15  # the time between two checks of the work that a page waits for
_WORKERS = 4


def model(name: str, output: str = "") -> Model:
    """Return the model called `name`: a live one, or one that all visitors share, on the chosen device.

    `output` is the output kind that the visitor chose for the model, if any.
    """
    return (live.model(name) or _cache().get(name)).with_output(output)


def is_loaded(name: str) -> bool:
    """Tell whether `model` would return at once."""
    return live.model(name) is not None or name in _cache()


def fetch(name: str, on_progress: Callable[[DownloadProgress | None], None]) -> None:
    """Load the model called `name` unless it is loaded, and report progress while it loads.

    May raise MirrorError.
    """
    if not is_loaded(name):
        with loading().join(name, partial(_load, name)) as job:
            while not job.done.wait(POLL_SECONDS):
                on_progress(job.newest if isinstance(job.newest, DownloadProgress) else None)
            job.result()


@st.cache_resource(show_spinner=False)
def loading() -> Jobs[DownloadProgress | Model]:
    """Return the models that are being loaded."""
    return Jobs(_WORKERS)


@st.cache_resource(show_spinner=False)
def _cache() -> ModelCache:
    limit = server_settings().limits.model_gigabytes * 2**30
    made = ModelCache(lambda name: catalogue.load(name, device()), limit)
    activity.add_gauge("model_bytes", made, lambda cache: cache.bytes)
    return made


def _load(name: str) -> Generator[DownloadProgress | Model, None, None]:
    for step in catalogue.load_with_progress(name, device()):
        if isinstance(step, Model):
            _cache().put(step)
        yield step
