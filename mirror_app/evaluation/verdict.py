"""The tests of a result: do its pixels matter to the model, and does it depend on what the model has learned?"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from mirror_app import engine, evaluation, render
from mirror_app.engine import Prediction, Result
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.evaluation import Depth
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import TARGET
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import predict_answers
from mirror_app.visualisations import registry
from mirror_app.visualisations.registry import Entry

STEPS = 24  # the number of steps in a curve
SEED = 0
DRAWS = 3  # the number of random maps: their curves differ, so the mean is reported


class Removal(Enum):
    """A way to test whether pixels matter to the model: remove them, restore them, or fill them in."""

    DELETION = "deletion"
    INSERTION = "insertion"
    ROAD = "road"


@dataclass(frozen=True)
class Curves:
    """The probability of the class while pixels are removed and restored, as `evaluation` computes it.

    Args:
        deletion: The curve of `evaluation.deletion`, (STEPS + 1,).
        insertion: The curve of `evaluation.insertion`, (STEPS + 1,).
        road: The two curves of `evaluation.road`, (2, S): with the most and with the least evidence removed first.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    road: np.ndarray

    def curve(self, removal: Removal) -> np.ndarray:
        """Return the curve that is drawn for `removal`; for ROAD, the second curve minus the first."""
        single_curves = {Removal.DELETION: self.deletion, Removal.INSERTION: self.insertion}
        return single_curves.get(removal, self.road[1] - self.road[0])

    def area(self, removal: Removal) -> float:
        """Return the mean of the curve of `removal` over the shares; low is good for deletion, high for the others."""
        return evaluation.area(torch.from_numpy(self.curve(removal)), shares(removal))

    def gain(self, removal: Removal) -> float:
        """Return how much better the mean of the curve of `removal` is than its first value; higher is better."""
        rise = self.area(removal) - float(self.curve(removal)[0])
        return -rise if removal is Removal.DELETION else rise

    def is_decided_early(self, removal: Removal) -> bool:
        """Tell whether the first tenth of the pixels is enough to lose the class or to bring it back."""
        if removal is Removal.INSERTION:
            return evaluation.recovers_early(torch.from_numpy(self.insertion))
        curve = self.deletion if removal is Removal.DELETION else self.road[0]
        return evaluation.drops_early(torch.from_numpy(curve), shares(removal))


def shares(removal: Removal) -> Sequence[float]:
    """Return the shares of the pixels, in [0, 1], at which the curves of `removal` are measured."""
    return evaluation.ROAD_SHARES if removal is Removal.ROAD else [step / STEPS for step in range(STEPS + 1)]


def is_attribution(entry: Entry) -> bool:
    """Tell whether a visualisation gives evidence for a target at each location, which can be tested."""
    return entry.look.is_evidence


def evidence(raw: Tensor, size: tuple[int, int]) -> Tensor:
    """Return an attribution as one map of the size of the picture.

    Args:
        raw: The raw numbers, (1, h, w) or (1, C, h, w). The magnitudes of several channels are summed.
        size: The height and width of the map, (H, W).

    Returns:
        The evidence, (H, W).

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import verdict
        >>> verdict.evidence(torch.ones(1, 3, 2, 2), (4, 4))[0]
        tensor([3., 3., 3., 3.])
    """
    return render.resize(raw.abs().sum(1) if raw.ndim == 4 else raw, size)[0]


def curves(request: Request, model: Model, picture: Picture, result: Result) -> Generator[Curves, None, None]:
    """Yield the curves of `result`, in one frame.

    Args:
        request: The request that gave the result.
        model: The model.
        picture: The picture.
        result: The result of the request, which must be evidence for a class.

    Raises:
        MirrorError: The result is not evidence for a class, or the model gives no probabilities.
    """
    prediction = engine.predict(model, picture)
    target, size = explained_class(request, result, prediction), _size(model.inputs(picture))
    yield from _curves_of(model, picture, [evidence(torch.from_numpy(result.raw), size)], target, _kind(prediction))


def baseline_curves(model: Model, picture: Picture, target: int) -> Generator[dict[str, Curves], None, None]:
    """Yield the curves of the baselines that evidence for a class must beat.

    Args:
        model: The model.
        picture: The picture.
        target: The number of the class.

    Yields:
        In each frame, under "random", the mean of the curves of the random maps tested so far. The last frame also
        holds the curves of Sobel's edges, under "edges".
    """
    inputs = model.inputs(picture)
    draws = [evaluation.noise(inputs, SEED + number) for number in range(DRAWS)]
    finished: list[Curves] = []
    kind = _kind(engine.predict(model, picture))
    for newest in _curves_of(model, picture, [*draws, evaluation.sobel(inputs)], target, kind):
        finished.append(newest)
        random = {"random": _mean(finished[:DRAWS])}
        yield random if len(finished) <= DRAWS else random | {"edges": newest}


def shuffled(
    request: Request, model: Model, picture: Picture, result: Result, depth: Depth
) -> Generator[Result, None, None]:
    """Yield the frames of `request` on a copy of the model whose weights are shuffled down to `depth`.

    The frames explain the class that `result` explains, even if another class is the most likely for the copy.

    Args:
        request: The request that gave the result.
        model: The model. It is not changed.
        picture: The picture.
        result: The result of the request on the model itself.
        depth: Which layers are shuffled.

    Raises:
        MirrorError: As `explained_class` and `engine.frames` do.
    """
    params = dict(request.params)
    if registry.get(request.visualisation).takes_target:
        params[TARGET] = explained_class(request, result, engine.predict(model, picture))
    copy = replace(model, module=evaluation.with_weights_shuffled(model.module, depth.layers, SEED))
    yield from engine.frames(replace(request, params=tuple(sorted(params.items()))), copy, picture)


def similarity(first: Result, second: Result) -> float:
    """Return how similar two results of the same request are.

    Returns:
        The rank correlation of their evidence, in [-1, 1]. It is 1 if both rank all locations alike, and NaN if both
        are constant.
    """
    maps = (evidence(torch.from_numpy(result.raw), result.raw.shape[-2:]) for result in (first, second))
    return evaluation.rank_correlation(*maps)


def explained_class(request: Request, result: Result, prediction: Prediction) -> int:
    """Return the number of the class that `result` is evidence for.

    Args:
        request: The request that gave the result.
        result: The result. If its visualisation takes no target, it counts as evidence for the most likely class.
        prediction: The answer of the model to the picture.

    Raises:
        MirrorError: The result is not evidence for a class, or no class is the most likely: the model gives several
            numbers, an embedding, regions or boxes.
    """
    entry = registry.get(request.visualisation)
    if not is_attribution(entry):
        raise MirrorError(
            f"{entry.name} gives no evidence for a class, so it cannot be tested",
            culprit=entry.name,
            hint="try Grad-CAM instead",
        )
    if result.info.target is not None:
        raise MirrorError("Only evidence for a class can be tested", hint="choose a class as the target")
    if len(result.raw) > 1:
        raise MirrorError(
            "Only one layer can be tested at a time", hint="switch off “At every stage”, or choose a layer"
        )
    if not len(prediction.answers):
        raise MirrorError("Only a classification model can be tested", hint="choose one that gives classes")
    if result.info.target_class:
        return int(result.info.target_class[0])
    if len(prediction.answers) > 1 and not len(prediction.probabilities):
        raise MirrorError(
            f"{entry.name} takes no target, and this model has no most likely class",
            culprit=entry.name,
            hint="choose a method that takes a target, such as Grad-CAM",
        )
    return int(prediction.answers.argmax())


def _kind(prediction: Prediction) -> OutputKind:
    return prediction.meaning.kind if prediction.meaning else OutputKind.NUMBERS


def _curves_of(
    model: Model, picture: Picture, maps: Sequence[Tensor], target: int, kind: OutputKind
) -> Generator[Curves, None, None]:
    """Yield the curves of each map (H, W) of evidence in `maps`."""
    with model.views.lease(model.extra_inputs_of(picture)) as view:
        inputs = view.prepare_inputs(model.inputs(picture).to(view.device))

        def answers(pictures: Tensor) -> Tensor:
            numbers = predict_answers(view, pictures)
            assert numbers is not None  # `explained_class` has checked it
            return numbers

        for evidence_map in maps:
            evidence = evidence_map.to(inputs)
            measured = (
                evaluation.deletion(answers, inputs, evidence, target, STEPS, kind),
                evaluation.insertion(answers, inputs, evidence, target, STEPS, kind),
                evaluation.road(answers, inputs, evidence, target, kind),
            )
            yield Curves(*(curve.float().cpu().numpy() for curve in measured))


def _mean(draws: Sequence[Curves]) -> Curves:
    return Curves(*(np.mean([getattr(curves, removal.value) for curves in draws], axis=0) for removal in Removal))


def _size(inputs: Tensor) -> tuple[int, int]:
    return inputs.shape[2], inputs.shape[3]
