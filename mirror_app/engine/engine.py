"""Computes the raw numbers of a request: runs the visualisation on a private view of the model, and times it."""

import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

import numpy as np

import mirror_app.visualisations.core
import mirror_app.visualisations.installed  # noqa: F401 - adds the visualisations of other packages
from mirror_app import layers
from mirror_app.engine.request import Request
from mirror_app.engine.similarity import with_embeddings
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import TARGET, checked
from mirror_app.visualisations import registry
from mirror_app.visualisations.core.attribution import Info, require_finite


@dataclass(frozen=True)
class Result:
    """A frame of a request, one state of its computation: the raw numbers and facts about them.

    Args:
        raw: The numbers before any colour, (N, h, w) or (N, C, h, w); (N, C) if the layer gives a vector.
        info: Facts about the frame, such as the explained class (`target_class`), the share of the work that is done
            (`progress`, 0 to 1) or a caution (`note`).
        seconds: How long the computation took up to this frame.
        finished: When the frame was finished, in seconds on the clock of `time.perf_counter`. A result that was
            finished before it was requested came from a cache.

    Example:
        >>> import numpy as np
        >>> from mirror_app.engine import Result
        >>> from mirror_app.visualisations.core import Info
        >>> Result(np.zeros((1, 4, 4)), Info(target_class=[3]), seconds=0.1, finished=2.5).info.target_class
        [3]
    """

    raw: np.ndarray
    info: Info
    seconds: float
    finished: float


def without_render_params(request: Request) -> Request:
    """Return `request` without the parameters of its look, which colours the raw numbers but does not change them.

    Args:
        request: Any request. Its visualisation must be registered.

    Returns:
        A request without the parameters of the look. It is the same for all requests with the same raw numbers.

    Raises:
        MirrorError: There is no such visualisation.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.engine.request import Request
        >>> params = (("signed", True), ("target_class", 3))
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam", params)
        >>> engine.without_render_params(request).params
        (('target_class', 3),)
    """
    render_params = registry.get(request.visualisation).render_params
    return replace(request, params=tuple(pair for pair in request.params if pair[0] not in render_params))


def frames(
    request: Request, model: Model, picture: Picture, pictures: Iterable[Picture] = ()
) -> Generator[Result, None, None]:
    """Yield the frames of `request` as they are computed; the last one is the result.

    A visualisation that takes long yields a frame after each step, so that it can be shown, or stopped, while it runs.
    The model is not changed: the computation works on a private view of it.

    Args:
        request: What to compute. `model` and `picture` are used instead of `request.model` and `request.input`.
        model: The model, as `mirror_app.models.catalogue.load` returns it.
        picture: The picture, as `mirror_app.images.decode` returns it.
        pictures: Other pictures that the target names, as in `like "…"`. The bundled examples need not be given.

    Yields:
        A `Result` for each frame, with raw numbers on the CPU.

    Raises:
        MirrorError: The visualisation, the layer or a parameter is unknown, the model cannot take the picture, the
            visualisation does not apply to the model, or the numbers are not finite.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.bundled.examples import examples
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.models import catalogue
        >>> model, picture = catalogue.load("shapes"), examples()[0]
        >>> request = Request("shapes", picture.id, "features", "deep-dream", (("octaves", 1), ("steps", 2)))
        >>> [frame.raw.shape for frame in engine.frames(request, model, picture)][-1]
        (1, 3, 128, 128)
    """
    entry, model = registry.get(request.visualisation), model.with_output(request.output)
    layer = request.layer if request.layer == layers.EVERY else layers.find(model.module, request.layer)
    params = dict(without_render_params(request).params)
    values = checked({**entry.method_params, **entry.transform_params}, params)
    target = with_embeddings(values.get(TARGET), model, pictures)
    arguments = values if target is values.get(TARGET) else {**values, TARGET: target}
    started = time.perf_counter()
    with model.views.lease(model.extra_inputs_of(picture)) as view:
        mean, std = model.preprocessing.scale(picture)
        visualisation = entry.kind(view, mean=mean, std=std, output=model.output and model.output.kind)
        inputs = visualisation.prepare_inputs(model.inputs(picture))
        for frame in visualisation.frames(inputs, layer, **arguments):
            now = time.perf_counter()
            require_finite(frame.raw, layer)
            info = frame.info
            if arguments is not values:  # the info names the target; it does not hold its embeddings
                info |= Info(params={**(info.params or {}), TARGET: values[TARGET]})
            yield Result(frame.raw.detach().contiguous().cpu().numpy(), info, now - started, now)


def run(request: Request, model: Model, picture: Picture, pictures: Iterable[Picture] = ()) -> Result:
    """Return the result of `request`: the last of its frames.

    Args:
        request: What to compute. `model` and `picture` are used instead of `request.model` and `request.input`.
        model: The model, as `mirror_app.models.catalogue.load` returns it. It is not changed.
        picture: The picture, as `mirror_app.images.decode` returns it.
        pictures: Other pictures that the target names, as for `frames`.

    Returns:
        The result. Its raw numbers are signed maps, (N, h, w) or (N, C, h, w), before any colour.

    Raises:
        MirrorError: As `frames` does.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.bundled.examples import examples
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.models import catalogue
        >>> model, picture = catalogue.load("shapes"), examples()[0]
        >>> result = engine.run(Request("shapes", picture.id, "features", "grad-cam"), model, picture)
        >>> result.raw.shape
        (1, 16, 16)
    """
    for frame in frames(request, model, picture, pictures):
        last = frame
    return last
