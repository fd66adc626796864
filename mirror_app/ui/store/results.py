"""The results of requests and the predictions of models, each computed once for all visitors."""

import time
from collections.abc import Generator, Sequence
from functools import partial

import numpy as np
import streamlit as st

from mirror_app import activity, engine, live
from mirror_app.engine import Prediction, Result
from mirror_app.engine.request import Request
from mirror_app.engine.similarity import compare_with_texts
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.ui.store.background_runs import RunSlot
from mirror_app.ui.store.computations import background_jobs, request_key
from mirror_app.ui.store.result_store import OnProgress, ResultStore
from mirror_app.ui.store.selection import Selection

RESULTS = ResultStore[Result]("results", max_entries=256, max_size="256mb")
PREDICTIONS = ResultStore[Prediction]("predictions", max_entries=2048, max_size="64mb")
TEXT_LIKELIHOODS = ResultStore[tuple[np.ndarray, np.ndarray]]("texts", max_entries=512)


def result(selection: Selection, on_progress: OnProgress) -> Result:
    """Return the result of `selection`, computed unless it is stored. May raise MirrorError.

    While it is computed, `on_progress` is called several times a second with the state of the work.
    """
    raw_request, started = engine.without_render_params(selection.request), time.perf_counter()
    result = RESULTS.get_or_compute(request_key(raw_request), partial(_frames, raw_request, selection), on_progress)
    is_cached, seconds = result.finished < started, time.perf_counter() - started
    activity.count("cached_views" if is_cached else "computed_views")
    activity.log(
        "view",
        model=live.display_name(raw_request.model),
        layer=raw_request.layer,
        visualisation=raw_request.visualisation,
        cached=is_cached,
        seconds=round(seconds, 3),
    )
    return result


def cached_result(request: Request) -> Result | None:
    """Return the result of `request` if it is stored, and None if it is not."""
    return RESULTS.get(request_key(engine.without_render_params(request)))


def store_result(request: Request, result: Result) -> None:
    """Store the result of a background run, so that `result` and `cached_result` find it."""
    RESULTS.put(request_key(engine.without_render_params(request)), result)


def prediction(model: Model, picture: Picture, on_progress: OnProgress = lambda _: None) -> Prediction:
    """Return the prediction of `model` for `picture`, computed unless it is stored. May raise MirrorError."""
    frames = partial(_predictions, model, picture)
    return PREDICTIONS.get_or_compute(prediction_key(model, picture), frames, on_progress)


def text_likelihoods(model: Model, picture: Picture, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return how similar a picture is to each text, and the probability of each; computed unless they are stored.

    May raise MirrorError.
    """
    answers = prediction(model, picture).answers

    def frames() -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        yield compare_with_texts(model, answers, texts)

    key = f"{prediction_key(model, picture)} and {list(texts)}"
    return TEXT_LIKELIHOODS.get_or_compute(key, frames, lambda _: None)


def prediction_key(model: Model, picture: Picture) -> str:
    """Return the cache key of the prediction of `model` for `picture`."""
    return f"{model.name} {live.revision(model.name)} of {picture.id}, {model.output}"


@st.cache_resource(scope="session", on_release=RunSlot.end, show_spinner=False)
def run_slot() -> RunSlot:
    """Return the slot of this visitor's background run, which ends with the visit."""
    return RunSlot(background_jobs(), store_result)


def _frames(raw_request: Request, selection: Selection) -> Generator[Result, None, None]:
    return engine.frames(raw_request, selection.model, selection.picture, selection.compared)


def _predictions(model: Model, picture: Picture) -> Generator[Prediction, None, None]:
    yield engine.predict(model, picture)
