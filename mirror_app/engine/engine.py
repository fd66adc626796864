"""From a request to its picture: picks the visualisation, lends it a view of the model, counts what it cost."""

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import mirror_app.visualisations.core  # noqa: F401 - fills the registry
from mirror_app import layers
from mirror_app.engine.request import Request
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import checked
from mirror_app.visualisations import registry
from mirror_app.visualisations.core.base import require_finite


@dataclass(frozen=True)
class Result:
    """A frame of a request: the raw numbers (N, h, w) or (N, C, h, w), what there is to say, and the seconds it took.

    `finished` is when, on the clock of `time.perf_counter`: what was finished before one asked came from a cache.
    """

    raw: np.ndarray
    info: dict[str, Any]
    seconds: float
    finished: float


def without_render_params(request: Request) -> Request:
    """Return the part of `request` that the raw numbers depend on: without the parameters of the look."""
    only_rendered = registry.get(request.visualisation).render_params
    return replace(request, params=tuple(pair for pair in request.params if pair[0] not in only_rendered))


def frames(request: Request, model: Model, picture: Picture) -> Generator[Result, None, None]:
    """Yield the frames of `request` on `model` and `picture` as they are computed; raise MirrorError."""
    entry, model = registry.get(request.visualisation), model.with_output(request.output)
    layer = request.layer if request.layer == layers.EVERY else layers.find(model.module, request.layer)
    values = checked({**entry.method_params, **entry.transform_params}, dict(without_render_params(request).params))
    began = time.perf_counter()
    with model.views.lease(model.extra_inputs_of(picture)) as view:
        mean, std = model.preprocessing.scale(picture)
        visualisation = entry.kind(view, mean=mean, std=std, output=model.output and model.output.kind)
        inputs = visualisation.prepared(model.inputs(picture))
        for frame in visualisation.frames(inputs, layer, **values):
            now = time.perf_counter()
            require_finite(frame.raw, layer)
            yield Result(frame.raw.detach().contiguous().cpu().numpy(), frame.info, now - began, now)


def run(request: Request, model: Model, picture: Picture) -> Result:
    """Return the last frame of `request`; raise MirrorError."""
    for frame in frames(request, model, picture):
        last = frame
    return last
