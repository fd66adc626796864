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
from mirror_app.ui.store.computations import Missing, OnProgress, cached_or_computed, request_key
from mirror_app.ui.store.results import prediction_key, result_cache
from mirror_app.ui.store.selection import Selection


def curves(
    selection: Selection, result: Result, target: int, on_progress: OnProgress
) -> tuple[Curves, dict[str, Curves]]:
    """Return the curves of a result, and those of the baselines that it must beat; raise MirrorError."""
    raw_request = engine.without_render_params(selection.request)
    model, picture = selection.model, selection.picture
    baselines_key = f"{prediction_key(model, picture)}, for {target}: baselines"
    frames = partial(_test, verdict.curves, raw_request, selection, result)
    result_curves: Curves = cached_or_computed(
        _curves_cache, f"{request_key(raw_request)} as curves", frames, on_progress
    )
    baseline_curves: dict[str, Curves] = cached_or_computed(
        _curves_cache, baselines_key, lambda: verdict.baseline_curves(model, picture, target), on_progress
    )
    return result_curves, baseline_curves


def shuffled(selection: Selection, result: Result, depth: Depth, on_progress: OnProgress) -> Result:
    """Return the result of `selection` for the model with its weights shuffled down to `depth`; raise MirrorError."""
    raw_request = engine.without_render_params(selection.request)
    frames = partial(_test, partial(verdict.shuffled, depth=depth), raw_request, selection, result)
    key = f"{request_key(raw_request)} without {depth.label}"
    return cached_or_computed(result_cache, key, frames, on_progress)


def _test(
    test: Callable[..., Generator[Any, None, None]], raw_request: Request, selection: Selection, result: Result
) -> Generator[Any, None, None]:
    return test(raw_request, selection.model, selection.picture, result)


@st.cache_data(max_entries=256, show_spinner=False)
def _curves_cache(key: str, _curves: Any) -> Any:
    if _curves is None:
        raise Missing
    return _curves
