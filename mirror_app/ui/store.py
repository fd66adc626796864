"""Everything that is kept between reruns and shared between visitors."""

import io
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image, ImageOps
from torch import Tensor

from mirror_app import engine, live, render
from mirror_app.engine import Prediction, Result, Sheet
from mirror_app.engine.jobs import Frames, Job, Jobs, store_last
from mirror_app.engine.request import Request
from mirror_app.evaluation import Depth, verdict
from mirror_app.evaluation.verdict import Curves
from mirror_app.images import Picture, bands
from mirror_app.models import Model, catalogue
from mirror_app.models.cache import ModelCache
from mirror_app.models.device import device
from mirror_app.models.download import DownloadProgress
from mirror_app.ui.state.background_runs import FrameSnapshot, RunSlot

OnProgress = Callable[[str], None]

MODEL_BYTES = 4 * 2**30
COMPUTATIONS = 2
SMALL = 512  # pixels: the longest side of a picture among many
LOADS = 4
BACKGROUND_RUNS = 1  # at a time: they take long, and the quick pictures of others must not wait for them
_GLANCE = 0.15  # seconds between two looks at a computation


def model(name: str, output: str = "") -> Model:
    """Return the model of that name: a live one, or from the shelf that all visitors share, on the device chosen.

    `output` says what its numbers are where a visitor does.
    """
    return (live.model(name) or _model_cache().get(name)).with_output(output)


def is_loaded(name: str) -> bool:
    """Tell whether the model of that name can be had at once."""
    return live.model(name) is not None or name in _model_cache()


def fetch(name: str, on_progress: Callable[[DownloadProgress | None], None]) -> None:
    """See that the model of that name is on the shelf; while it comes, `on_progress` is called; raise MirrorError."""
    if not is_loaded(name):
        with _loads().join(name, partial(_loading, name)) as job:
            while not job.done.wait(_GLANCE):
                on_progress(job.newest if isinstance(job.newest, DownloadProgress) else None)
            job.result()


def result(request: Request, picture: Picture, on_progress: OnProgress) -> Result:
    """Return the raw numbers of `request`, computed only where no one has asked for them lately; raise MirrorError.

    While they are computed, `on_progress` is called again and again with what there is to say.
    """
    wanted = engine.without_render_params(request)
    frames = partial(_frames, wanted, picture)
    return _computed(_result, _key(wanted), frames, on_progress)


def sheet(
    request: Request,
    raw: np.ndarray,
    picture: Picture,
    first: int,
    count: int,
    vmax: float | None = None,
    *,
    of: str = "",
) -> Sheet:
    """Return `count` images of `request`, from the number `first` on, as a contact sheet; a single image as it is.

    `of` tells numbers from others that are the same request's, such as those of a shuffled model.
    """
    return _sheet(f"{_key(request)} {of} {picture.shown_id}", first, count, vmax, request, raw, picture)


def cached_result(request: Request) -> Result | None:
    """Return what `result` would, where it is there already."""
    try:
        return _result(_key(engine.without_render_params(request)), None)
    except _Missing:
        return None


def thumbnail(request: Request, raw: np.ndarray, picture: Picture, vmax: float | None) -> bytes:
    """Return the first sheet of `request` as a PNG file with no side longer than `SMALL` pixels."""
    return _small(f"{_key(request)} {picture.shown_id}", vmax, request, raw, picture)


def vmax(request: Request, raw: np.ndarray, picture: Picture) -> float | None:
    """Return the magnitude that has the full colour in the picture of `request` alone; None where there is no such."""
    return _vmax(_key(request), request, raw, picture)


def prediction(asked: Model, picture: Picture, on_progress: OnProgress = lambda _: None) -> Prediction:
    """Return what a model, as `model` gives it, says of `picture`; raise MirrorError."""
    frames = partial(_predictions, asked, picture)
    return _computed(_prediction, _prediction_key(asked, picture), frames, on_progress)


def curves(
    request: Request, picture: Picture, found: Result, target: int, on_progress: OnProgress
) -> tuple[Curves, dict[str, Curves]]:
    """Return the curves of what `request` gave, and those that it must beat; raise MirrorError."""
    wanted, asked = engine.without_render_params(request), model(request.model, request.output)
    key = f"{_prediction_key(asked, picture)}, for {target}: base lines"
    work = partial(_trial, verdict.curves, wanted, picture, found)
    own: Curves = _computed(_curves, f"{_key(wanted)} as curves", work, on_progress)
    return own, _computed(_curves, key, lambda: verdict.baseline_curves(asked, picture, target), on_progress)


def shuffled(request: Request, picture: Picture, found: Result, depth: Depth, on_progress: OnProgress) -> Result:
    """Return what `request` gives once the model is shuffled down to `depth`; raise MirrorError."""
    wanted = engine.without_render_params(request)
    work = partial(_trial, partial(verdict.shuffled, depth=depth), wanted, picture, found)
    return _computed(_result, f"{_key(wanted)} without {depth.label}", work, on_progress)


def store_result(request: Request, found: Result) -> None:
    """Keep what a dream has computed: `result` and `cached_result` find it."""
    _result(_key(engine.without_render_params(request)), found)


@st.cache_resource(scope="session", on_release=RunSlot.end, show_spinner=False)
def run_slot() -> RunSlot:
    """Return what holds this visitor's dream, which ends with the visit."""
    return RunSlot(_background_jobs(), store_result)


def close() -> None:
    """Let go of everything, and end the threads that compute."""
    for jobs in (_jobs(), _loads(), _background_jobs()):
        jobs.close()
    st.cache_resource.clear()
    st.cache_data.clear()


@st.cache_data(max_entries=256, show_spinner=False)
def model_input_rgb(model_name: str, shown_id: str, _picture: Picture) -> np.ndarray:
    """Return the picture as the model sees it, bytes (H, W, 3): what overlays lie on."""
    shown: np.ndarray = model(model_name).preprocessing.model_input_rgb(_picture)
    return shown


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def input_png(model_name: str, shown_id: str, original: bool, _picture: Picture) -> bytes:
    """Return the picture as the model of that name sees it, or as it is, pale where it does not; as a PNG file."""
    if not original:
        return render.png(model_input_rgb(model_name, shown_id, _picture))
    region = model(model_name).preprocessing.region(_picture)
    return render.png(render.fade_outside(_picture.pixels, region) if region else _picture.pixels)


@st.cache_data(max_entries=256, show_spinner=False)
def strip(shown_ids: Sequence[str], side: int, _pictures: Sequence[Picture]) -> bytes:
    """Return the middles of the pictures, side by side, as one PNG file."""
    return render.png(np.concatenate([_thumbnail(picture.shown_id, side, picture) for picture in _pictures], axis=1))


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def band_sheet(picture_id: str, _bands: Tensor) -> Sheet:
    """Return bands (C, H, W), each stretched to its own range, as a contact sheet in grey."""
    images = render.shrink(bands.stretch_bands(_bands[None])[0][:, None].expand(-1, 3, -1, -1), engine.TILE)
    columns = min(len(images), engine.COLUMNS)
    sheet_png = render.png(render.pixels(render.grid(images.cpu(), columns)))
    return Sheet(sheet_png, columns, len(images), len(images))


@st.cache_data(max_entries=256, show_spinner=False)
def _thumbnail(shown_id: str, side: int, _picture: Picture) -> np.ndarray:
    return np.asarray(ImageOps.fit(Image.fromarray(_picture.pixels), (side, side)))


@st.cache_resource(show_spinner=False)
def _model_cache() -> ModelCache:
    return ModelCache(lambda name: catalogue.load(name, device()), MODEL_BYTES)


@st.cache_resource(show_spinner=False)
def _loads() -> Jobs[DownloadProgress | Model]:
    return Jobs(LOADS)


def _loading(name: str) -> Generator[DownloadProgress | Model, None, None]:
    for found in catalogue.load_with_progress(name, device()):
        if isinstance(found, Model):
            _model_cache().put(found)
        yield found


@st.cache_resource(show_spinner=False)
def _jobs() -> Jobs[Any]:
    return Jobs(COMPUTATIONS)


@st.cache_resource(show_spinner=False)
def _background_jobs() -> Jobs[FrameSnapshot]:
    return Jobs(BACKGROUND_RUNS)


def _key(request: Request) -> str:
    """Return what the results of `request` are kept under: a live model may be trained between two looks at it."""
    return f"{request.digest()} {live.revision(request.model)}"


def _prediction_key(asked: Model, picture: Picture) -> str:
    return f"{asked.name} {live.revision(asked.name)} of {picture.id}, {asked.output}"


class _Missing(Exception):  # noqa: N818 - a signal, not an error
    """What was asked for is not in the cache."""


@st.cache_data(max_entries=256, max_size="256mb", show_spinner=False)
def _result(digest: str, _found: Result | None) -> Result:
    if _found is None:
        raise _Missing
    return _found


@st.cache_data(max_entries=512, show_spinner=False)
def _prediction(digest: str, _found: Prediction | None) -> Prediction:
    if _found is None:
        raise _Missing
    return _found


@st.cache_data(max_entries=256, show_spinner=False)
def _curves(digest: str, _found: Any) -> Any:
    if _found is None:
        raise _Missing
    return _found


def _trial(
    test: Callable[..., Generator[Any, None, None]], request: Request, picture: Picture, found: Result
) -> Generator[Any, None, None]:
    return test(request, model(request.model, request.output), picture, found)


def _computed(kept: Callable[[str, Any], Any], digest: str, frames: Frames[Any], on_progress: OnProgress) -> Any:
    """Return what `kept`, a cached function, holds under `digest`; else compute it."""
    try:
        return kept(digest, None)
    except _Missing:
        with _jobs().join(digest, partial(store_last, frames, partial(kept, digest))) as job:
            while not job.done.wait(_GLANCE):
                on_progress(_state(job))
            return job.result()


def _frames(request: Request, picture: Picture) -> Generator[Result, None, None]:
    return engine.frames(request, model(request.model), picture)


def _predictions(asked: Model, picture: Picture) -> Generator[Prediction, None, None]:
    yield engine.predict(asked, picture)


def _state(job: Job[Any]) -> str:
    if not job.has_started:
        jobs_ahead = _jobs().jobs_ahead(job)
        return f"Waiting: {jobs_ahead} before you" if jobs_ahead else "Waiting: you are next"
    progress = getattr(job.newest, "info", {}).get("progress")
    return "Computing" if progress is None else f"Computing: {progress:.0%}"


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def _sheet(
    digest: str,
    first: int,
    count: int,
    vmax: float | None,
    _request: Request,
    _raw: np.ndarray,
    _picture: Picture,
) -> Sheet:
    return engine.sheet(
        _request, _raw, model_input_rgb(_request.model, _picture.shown_id, _picture), first, count, vmax
    )


@st.cache_data(max_entries=512, max_size="64mb", show_spinner=False)
def _small(digest: str, vmax: float | None, _request: Request, _raw: np.ndarray, _picture: Picture) -> bytes:
    whole = sheet(_request, _raw, _picture, 0, engine.PAGE, vmax).png
    image = Image.open(io.BytesIO(whole))
    is_small = max(image.size) <= SMALL
    return whole if is_small else render.png(np.asarray(ImageOps.contain(image, (SMALL, SMALL))))


@st.cache_data(max_entries=512, show_spinner=False)
def _vmax(digest: str, _request: Request, _raw: np.ndarray, _picture: Picture) -> float | None:
    return engine.vmax(_request, _raw, model_input_rgb(_request.model, _picture.shown_id, _picture))
