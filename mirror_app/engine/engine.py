"""From a request to its picture: picks the visualisation, lends it a view of the model, counts what it cost."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import mirror_app.visualisations.core  # noqa: F401 - fills the registry
from mirror_app import layers, probe, render
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import Value, checked
from mirror_app.precision import relative_difference, widened
from mirror_app.probe import lacking_explained
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.output_meaning import answers_of
from mirror_app.probe.outputs import Box, Regions, boxes_of, described, regions_of
from mirror_app.visualisations import registry
from mirror_app.visualisations.core.base import require_finite

PAGE = 64  # images on a sheet
TILE = 128  # pixels: the longest side of an image on a sheet
COLUMNS = 8


@dataclass(frozen=True)
class Sheet:
    """Images as one PNG, `columns` to a row: how many are shown, and how many there are in all."""

    png: bytes
    columns: int
    shown: int
    count: int


@dataclass(frozen=True)
class Result:
    """A frame of a request: the raw numbers (N, h, w) or (N, C, h, w), what there is to say, and the seconds it took.

    `finished` is when, on the clock of `time.perf_counter`: what was finished before one asked came from a cache.
    """

    raw: np.ndarray
    info: dict[str, Any]
    seconds: float
    finished: float


def computed(request: Request) -> Request:
    """Return the part of `request` that the raw numbers depend on: without the parameters of the look."""
    entry = registry.get(request.visualisation)
    return replace(request, params=tuple((name, value) for name, value in request.params if name not in entry.coloured))


def frames(request: Request, model: Model, picture: Picture) -> Generator[Result, None, None]:
    """Yield the frames of `request` on `model` and `picture` as they are computed; raise MirrorError."""
    entry, model = registry.get(request.visualisation), model.with_output(request.output)
    layer = request.layer if request.layer == layers.EVERY else layers.find(model.module, request.layer)
    values = checked({**entry.computed, **entry.around}, dict(computed(request).params))
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


def paint(request: Request, raw: np.ndarray, seen: np.ndarray, largest: float | None = None) -> Tensor:
    """Return the images (M, 3, h, w) in [0, 1] that `request` makes of its raw numbers over `seen`, bytes (H, W, 3).

    largest: the magnitude that has the full colour, where the look can share a scale; by default each its own.
    """
    entry, values = _look(request)
    look = partial(entry.kind.look, largest=largest) if entry.scaled else entry.kind.look
    numbers = torch.from_numpy(raw)
    images: Tensor = look(numbers, _picture(seen).to(numbers), **values)
    return images


def peak(request: Request, raw: np.ndarray, seen: np.ndarray) -> float | None:
    """Return the magnitude that has the full colour in the picture of `request` alone; None where there is no such."""
    entry, values = _look(request)
    return render.peak(entry.kind.look, torch.from_numpy(raw), _picture(seen), **values)


def legend(request: Request, raw: np.ndarray, largest: float | None) -> render.Legend | None:
    """Return what the colours of `request` mean where `largest` has the full one; None as in `render.legend`."""
    entry, values = _look(request)
    return render.legend(entry.kind.look, raw.shape, largest, **values)


def _look(request: Request) -> tuple[registry.Entry, dict[str, Value]]:
    entry = registry.get(request.visualisation)
    values: dict[str, Value] = checked(entry.params, dict(request.params))
    return entry, {name: values[name] for name in entry.coloured}


def _picture(seen: np.ndarray) -> Tensor:
    return torch.from_numpy(seen.copy()).permute(2, 0, 1)[None] / 255


def sheet(
    request: Request, raw: np.ndarray, seen: np.ndarray, first: int = 0, count: int = PAGE, largest: float | None = None
) -> Sheet:
    """Return `count` images of `request`, from the number `first` on, as a contact sheet; a single image as it is.

    `largest` is as in `paint`. Raises MirrorError where there are fewer.
    """
    images = paint(request, raw, seen, largest)
    if not 0 <= first < len(images):
        raise MirrorError(f"There is no image {first}: there are {len(images)}, from 0 on, {PAGE} on a page.")
    shown = images[first : first + count]
    if len(images) > 1:
        shown = render.shrink(shown, TILE)
    columns = min(len(shown), COLUMNS)
    return Sheet(render.png(render.pixels(render.grid(shown, columns))), columns, len(shown), len(images))


@dataclass(frozen=True)
class Prediction:
    """What the model says of a picture: its numbers (K,), `answers`, and what they mean.

    Where it answers with something else there are none: `outputs` says what it gives, and `boxes` or `regions` hold
    what can be pointed at. `deviation` is the largest difference between the answers of the model and of the private
    copy that visualisations work on, as a share of the largest number in the same tensor: 0 where the copy is true.
    """

    answers: np.ndarray
    meaning: OutputMeaning | None
    outputs: str
    deviation: float
    boxes: tuple[Box, ...] = ()
    regions: Regions | None = None

    @property
    def values(self) -> np.ndarray:
        """The probability of each class or label, or the numbers as they are where they have none, (K,)."""
        if self.meaning is None or not len(self.answers):
            return self.answers
        return self.meaning.kind.likelihood(torch.from_numpy(self.answers)[None])[0].numpy()

    @property
    def probabilities(self) -> np.ndarray:
        """The probability of each class or label (K,); empty where the model gives none."""
        return self.values if self.meaning and self.meaning.kind.has_probabilities else np.empty(0)

    def text(self, number: int) -> str:
        """Return the value of that number as a person would say it; "" where the model gives none."""
        values = self.values
        return self.meaning.kind.text(float(values[number])) if self.meaning and number < len(values) else ""

    @property
    def surest(self) -> str | None:
        """The target that asks for the surest box, or else for the surest region at its surest place."""
        if self.boxes:
            return self.boxes[0].target
        return self.regions.target(*self.regions.surest) if self.regions else None


def predict(model: Model, picture: Picture) -> Prediction:
    """Return the model's answer for `picture`, and whether a view of it gives the same one; raise MirrorError."""
    inputs = model.inputs(picture)
    extra_inputs = model.extra_inputs_of(picture)
    with model.views.lease(extra_inputs) as view, torch.no_grad(), lacking_explained(view.module, inputs):
        inputs = view.accept(inputs)
        output = view.record_calls(inputs)
        # A model that changes as it runs must not run: in training, batch norms would move their averages.
        changes = view.has_effects or any(module.training for module in model.module.modules())
        own = output if changes else view.answer_of(model.module, inputs)
    meaning, answers = model.meaning(output), answers_of(output)
    pairs = zip(tree_leaves(output), tree_leaves(own), strict=True)
    deviations = [_deviation(one, other) for one, other in pairs if isinstance(one, Tensor)]
    return Prediction(
        np.empty(0) if answers is None or len(answers) != 1 else widened(answers[0]).cpu().numpy(),
        meaning,
        described(output),
        max(deviations, default=0.0),
        boxes_of(output),
        regions_of(output) if meaning and meaning.kind is OutputKind.REGIONS else None,
    )


def _deviation(output: Tensor, own: Tensor) -> float:
    if output.shape != own.shape:
        return 1.0
    return relative_difference(output, own)


def tree(model: Model) -> list[layers.Layer]:
    """Return the layers of `model` in the order in which they run on a grey picture of the size that it expects."""
    with model.views.lease(model.extra_inputs) as view, torch.no_grad():
        default, before_last = (probe.default_layer(view, model.blank(), earlier) for earlier in (False, True))
        view.record_calls(model.blank())
        return layers.tree(model.module, view.calls, default, before_last)


def costs(model: Model) -> dict[str, probe.Cost]:
    """Return what each layer of `model` costs for a grey picture of the size that it expects."""
    with model.views.lease(model.extra_inputs) as view:
        return probe.costs(view, model.blank())


def flow(model: Model, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return between which of the layers `names`, none of which lies in another, data flows: (from, to)."""
    with model.views.lease(model.extra_inputs) as view:
        return probe.flow(view, model.blank(), names)
