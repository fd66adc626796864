"""What the Trust page tests a result with, each test computed once for all visitors."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import streamlit as st

from mirror_app import engine
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.evaluation import Depth, verdict
from mirror_app.evaluation.verdict import Curves
from mirror_app.images import Picture
from mirror_app.ui.store.computations import Missing, OnProgress, cached_or_computed, request_key
from mirror_app.ui.store.models import model
from mirror_app.ui.store.results import prediction_key, result_cache


def curves(
    request: Request, picture: Picture, result: Result, target: int, on_progress: OnProgress
) -> tuple[Curves, dict[str, Curves]]:
    """Return the curves of a result, and those of the baselines that it must beat. May raise MirrorError."""
    raw_request, tested_model = engine.without_render_params(request), model(request.model, request.output)
    baselines_key = f"{prediction_key(tested_model, picture)}, for {target}: baselines"
    frames = partial(_test, verdict.curves, raw_request, picture, result)
    result_curves: Curves = cached_or_computed(
        _curves_cache, f"{request_key(raw_request)} as curves", frames, on_progress
    )
    baseline_curves: dict[str, Curves] = cached_or_computed(
        _curves_cache, baselines_key, lambda: verdict.baseline_curves(tested_model, picture, target), on_progress
    )
    return result_curves, baseline_curves


def shuffled(request: Request, picture: Picture, result: Result, depth: Depth, on_progress: OnProgress) -> Result:
    """Return the result of `request` for the model with its weights shuffled down to `depth`.

    May raise MirrorError.
    """
    raw_request = engine.without_render_params(request)
    frames = partial(_test, partial(verdict.shuffled, depth=depth), raw_request, picture, result)
    key = f"{request_key(raw_request)} without {depth.label}"
    return cached_or_computed(result_cache, key, frames, on_progress)


def _test(
    test: Callable[..., Generator[Any, None, None]], request: Request, picture: Picture, result: Result
) -> Generator[Any, None, None]:
    return test(request, model(request.model, request.output), picture, result)


@st.cache_data(max_entries=256, show_spinner=False)
def _curves_cache(key: str, _curves: Any) -> Any:
    if _curves is None:
        raise Missing
    return _curves
