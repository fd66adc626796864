"""How far a picture can be trusted: do its pixels matter, does it depend on what the model has learned?"""

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
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import predicted
from mirror_app.visualisations import registry
from mirror_app.visualisations.registry import Entry

STEPS = 24  # of a curve
SEED = 0
DRAWS = 3  # of random numbers: their curves differ, and so they are told by their mean


class Removal(Enum):
    """A way to see whether pixels matter to the model: they are taken away, given back, or painted over."""

    DELETION = "deletion"
    INSERTION = "insertion"
    ROAD = "road"


@dataclass(frozen=True)
class Curves:
    """The probability of the class while pixels go and come, as the functions of `evaluation` give it.

    deletion, insertion: (STEPS + 1,); road: (2, S), with the pixels of most evidence first, and of least.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    road: np.ndarray

    def curve(self, removal: Removal) -> np.ndarray:
        """The curve that is drawn; of ROAD, how much more is left without the pixels of least evidence."""
        drawn = {Removal.DELETION: self.deletion, Removal.INSERTION: self.insertion}
        return drawn.get(removal, self.road[1] - self.road[0])

    def area(self, removal: Removal) -> float:
        """The mean of that curve over the share of pixels: little is good in deletion, much in the other two."""
        return evaluation.area(torch.from_numpy(self.curve(removal)), shares(removal))

    def gain(self, removal: Removal) -> float:
        """How much better the curve is than one that stays where it begins, as a mean: more is better."""
        rise = self.area(removal) - float(self.curve(removal)[0])
        return -rise if removal is Removal.DELETION else rise

    def is_decided_early(self, removal: Removal) -> bool:
        """Whether a tenth of the pixels, in this order, settles whether the class is there."""
        if removal is Removal.INSERTION:
            return evaluation.recovers_early(torch.from_numpy(self.insertion))
        gone = self.deletion if removal is Removal.DELETION else self.road[0]
        return evaluation.drops_early(torch.from_numpy(gone), shares(removal))


def shares(removal: Removal) -> Sequence[float]:
    """Return the shares of the pixels at which the curves of that removal are measured."""
    return evaluation.ROAD_SHARES if removal is Removal.ROAD else [step / STEPS for step in range(STEPS + 1)]


def is_attribution(entry: Entry) -> bool:
    """Tell whether a visualisation gives evidence for something, place by place, which can be tested."""
    return entry.kind.look in (render.heat, render.gradient)


def evidence(raw: Tensor, size: tuple[int, int]) -> Tensor:
    """Return an attribution (1, h, w) or (1, C, h, w), by channel its magnitudes' sum, at `size`: (H, W)."""
    return render.resize(raw.abs().sum(1) if raw.ndim == 4 else raw, size)[0]


def curves(request: Request, model: Model, picture: Picture, result: Result) -> Generator[Curves, None, None]:
    """Yield the curves of the result of `request`; raise MirrorError for what is no evidence for a class."""
    prediction = engine.predict(model, picture)
    target, size = explained_class(request, result, prediction), _size(model.inputs(picture))
    yield from _curves(model, picture, [evidence(torch.from_numpy(result.raw), size)], target, _kind(prediction))


def baseline_curves(model: Model, picture: Picture, target: int) -> Generator[dict[str, Curves], None, None]:
    """Yield the curves of what any evidence for the class `target` must beat; the last frame has them all.

    They are those of random numbers, the mean of as many draws as are done, and of Sobel's edges.
    """
    inputs = model.inputs(picture)
    draws = [evaluation.noise(inputs, SEED + number) for number in range(DRAWS)]
    drawn: list[Curves] = []
    kind = _kind(engine.predict(model, picture))
    for found in _curves(model, picture, [*draws, evaluation.sobel(inputs)], target, kind):
        drawn.append(found)
        random = {"random": _mean(drawn[:DRAWS])}
        yield random if len(drawn) <= DRAWS else random | {"edges": found}


def shuffled(
    request: Request, model: Model, picture: Picture, result: Result, depth: Depth
) -> Generator[Result, None, None]:
    """Yield the frames of `request` on a copy of the model that is shuffled down to `depth`; raise MirrorError.

    They are for the class of `result`, whatever the copy takes for the most likely one. The model is not touched.
    """
    params = dict(request.params)
    if "target_class" in registry.get(request.visualisation).params:
        params["target_class"] = explained_class(request, result, engine.predict(model, picture))
    other = replace(model, module=evaluation.with_weights_shuffled(model.module, depth.layers, SEED))
    yield from engine.frames(replace(request, params=tuple(sorted(params.items()))), other, picture)


def similarity(one: Result, other: Result) -> float:
    """Return the rank correlation of two results of one request, [-1, 1]: 1 where all places come in the same order."""
    maps = (evidence(torch.from_numpy(result.raw), result.raw.shape[-2:]) for result in (one, other))
    return evaluation.rank_correlation(*maps)


def explained_class(request: Request, result: Result, prediction: Prediction) -> int:
    """Return the class whose evidence the result is, the most likely one where it has none; raise MirrorError.

    prediction: the model's answer for the picture. Of several numbers, or of an embedding, none is the most likely.
    """
    entry = registry.get(request.visualisation)
    if not is_attribution(entry):
        raise MirrorError(f"{entry.name} gives no evidence for a class, so it cannot be tested: try Grad-CAM instead.")
    if "target" in result.info:
        raise MirrorError("Only evidence for a class can be tested: choose a class as the target.")
    if len(result.raw) > 1:
        raise MirrorError("One layer can be tested at a time: switch “At every stage” off, or choose a layer.")
    if not len(prediction.answers):
        raise MirrorError("Only a classification model can be tested: choose one that answers with classes.")
    if "target_class" in result.info:
        return int(result.info["target_class"][0])
    if len(prediction.answers) > 1 and not len(prediction.probabilities):
        raise MirrorError(
            f"{entry.name} has no target, and none of these numbers is the most likely: try Grad-CAM instead."
        )
    return int(prediction.answers.argmax())


def _kind(prediction: Prediction) -> OutputKind:
    return prediction.meaning.kind if prediction.meaning else OutputKind.NUMBERS


def _curves(
    model: Model, picture: Picture, maps: Sequence[Tensor], target: int, kind: OutputKind
) -> Generator[Curves, None, None]:
    """Yield the curves of each of the maps (H, W) of evidence."""
    with model.views.lease(model.extra_inputs_of(picture)) as view:
        inputs = view.accept(model.inputs(picture).to(view.device))

        def answers(pictures: Tensor) -> Tensor:
            found = predicted(view, pictures)
            assert found is not None  # `explained_class` has seen to it
            return found

        for found in maps:
            evidence = found.to(inputs)
            drawn = (
                evaluation.deletion(answers, inputs, evidence, target, STEPS, kind),
                evaluation.insertion(answers, inputs, evidence, target, STEPS, kind),
                evaluation.road(answers, inputs, evidence, target, kind),
            )
            yield Curves(*(curve.float().cpu().numpy() for curve in drawn))


def _mean(drawn: Sequence[Curves]) -> Curves:
    return Curves(*(np.mean([getattr(curves, removal.value) for curves in drawn], axis=0) for removal in Removal))


def _size(inputs: Tensor) -> tuple[int, int]:
    return inputs.shape[2], inputs.shape[3]
