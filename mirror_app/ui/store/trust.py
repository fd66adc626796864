"""The tests of the Trust page, each computed once for all visitors."""

from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from mirror_app import engine
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.evaluation import Depth, verdict
from mirror_app.evaluation.verdict import Curves
from mirror_app.ui.store.computations import request_key
from mirror_app.ui.store.result_store import OnProgress, ResultStore
from mirror_app.ui.store.results import RESULTS, prediction_key
from mirror_app.ui.store.selection import Selection

T = TypeVar("T")
CURVES = ResultStore[Curves]("curves", max_entries=256)
BASELINES = ResultStore[dict[str, Curves]]("baselines", max_entries=256)


def curves(
    selection: Selection, result: Result, target: int, on_progress: OnProgress
) -> tuple[Curves, dict[str, Curves]]:
    """Return the curves of a result, and the curves of the baselines that it must beat. May raise MirrorError."""
    raw_request, model, picture = engine.without_render_params(selection.request), selection.model, selection.picture
    frames = partial(_test, verdict.curves, raw_request, selection, result)
    baselines = partial(verdict.baseline_curves, model, picture, target)
    return (
        CURVES.get_or_compute(request_key(raw_request), frames, on_progress),
        BASELINES.get_or_compute(f"{prediction_key(model, picture)}, for {target}", baselines, on_progress),
    )


def shuffled(selection: Selection, result: Result, depth: Depth, on_progress: OnProgress) -> Result:
    """Return the result of `selection` for the model with its weights shuffled down to `depth`.

    May raise MirrorError.
    """
    raw_request = engine.without_render_params(selection.request)
    frames = partial(_test, partial(verdict.shuffled, depth=depth), raw_request, selection, result)
    return RESULTS.get_or_compute(f"{request_key(raw_request)} without {depth.label}", frames, on_progress)


def _test(
    test: Callable[..., Generator[T, None, None]], raw_request: Request, selection: Selection, result: Result
) -> Generator[T, None, None]:
    return test(raw_request, selection.model, selection.picture, result)
