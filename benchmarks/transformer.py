"""Measures the methods for transformers on the bundled transformer, with exact masks: a part of `make truth`.

The following was predicted before the first run:
- AttnLRP has a larger share of its positive evidence on the object than every other method here.
- LeGrad's strongest point lies on the object in at least 0.9 of the scenes.
- Rollout and raw attention do not depend on the class: with two objects, 0.4 to 0.6 of their evidence on the objects
  lies on the explained one. For Grad-CAM, LeGrad, attention relevance, AttnLRP and CP-LRP, it is at least 0.75.
- In a grid of four scenes, Grad-CAM has at least 0.5 of its positive evidence in the explained one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import islice
from statistics import mean, stdev

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.grid import Method, share_in_own_quarter
from mirror_app.bundled import dataset, network, scenes
from mirror_app.evaluation import mass_inside, noise, peak_inside, sobel, verdict
from mirror_app.models import catalogue
from mirror_app.params import Value
from mirror_app.visualisations import registry

SEEDS = scenes.HELD_OUT[70_000:70_100]
MODEL = "shapes-transformer"
METHODS: dict[str, tuple[str, dict[str, Value]]] = {
    "grad-cam": ("grad-cam", {}),
    "legrad": ("legrad", {}),
    "attention-relevance": ("attention-relevance", {}),
    "attnlrp": ("lrp", {"rule": "attnlrp"}),
    "cp-lrp": ("lrp", {"rule": "cp-lrp"}),
    "attention-rollout": ("attention-rollout", {}),
    "attention": ("attention", {"heads": "mean"}),
}
CLASS_FREE = ("attention-rollout", "attention")
DEPENDENT = tuple(name for name in METHODS if name not in CLASS_FREE)


@dataclass(frozen=True)
class Score:
    """The scores of one method for one seed."""

    pointing: float
    mass: float
    own: float
    grid: float


def methods() -> dict[str, Method]:
    """Return the methods to measure by name, with two baselines."""
    baselines: dict[str, Method] = {
        "random": lambda _model, inputs, target: noise(inputs, target),
        "sobel": lambda _model, inputs, _target: sobel(inputs),
    }
    return baselines | {name: _method(registry.get(key), params) for name, (key, params) in METHODS.items()}


def _method(entry: registry.Entry, params: Mapping[str, Value]) -> Method:
    def evidence(model: nn.Module, inputs: Tensor, target: int) -> Tensor:
        targeted = {"target_class": target} if entry.takes_target else {}
        raw: Tensor = entry.kind(model, None, network.MEAN, network.STD)(inputs, None, **params, **targeted)[1]["raw"]
        size = (inputs.shape[2], inputs.shape[3])
        return verdict.evidence(raw[:, 0] if raw.ndim == 4 else raw, size)

    return evidence


def score(method: Method, model: nn.Module, seed: int) -> Score:
    """Return the scores of a method on the scenes of `seed`, with one and with two objects."""
    scene, pair = scenes.scene(seed), scenes.scene(seed, object_count=2)
    target, mask = scene.objects[0].label, _mask(scene.objects[0])
    evidence = method(model, _inputs(scene), target)[None]
    both = method(model, _inputs(pair), pair.objects[0].label)[None]
    own, other = (float((both.clamp(min=0) * _mask(each)).sum()) for each in pair.objects)
    return Score(
        float(peak_inside(evidence, mask)),
        float(mass_inside(evidence, mask)),
        own / (own + other) if own + other else 0.5,
        share_in_own_quarter(method, model, _four(scene, seed), target),
    )


def _four(scene: scenes.Scene, seed: int) -> Tensor:
    """Return the scene and three of other classes at half their size, since the transformer takes only one size."""
    target = scene.objects[0].label
    others = (each for each in map(scenes.scene, range(seed + 1000, seed + 1100)) if each.objects[0].label != target)
    return F.avg_pool2d(torch.cat([_inputs(each) for each in (scene, *islice(others, 3))]), 2)


def _inputs(scene: scenes.Scene) -> Tensor:
    return dataset.normalise(torch.from_numpy(scene.picture)[None])


def _mask(item: scenes.SceneObject) -> Tensor:
    return torch.from_numpy(item.outline)[None].float()


def averages(scores: list[Score]) -> dict[str, float]:
    """Return the mean of each score, by its name."""
    return {field.name: mean(getattr(score, field.name) for score in scores) for field in fields(Score)}


def table() -> tuple[list[str], list[str]]:
    """Return the table of results and the list of predictions, as lines."""
    model = catalogue.load(MODEL).module
    means: dict[str, dict[str, float]] = {}
    rows = []
    for name, method in methods().items():
        scores = [score(method, model, seed) for seed in SEEDS]
        means[name] = averages(scores)
        errors = {field.name: stdev(getattr(score, field.name) for score in scores) for field in fields(Score)}
        figures = [f"{value:.2f} ± {errors[key] / len(scores) ** 0.5:.2f}" for key, value in means[name].items()]
        rows.append(f"| {name} | {' | '.join(figures)} |")
        print(rows[-1], flush=True)
    return rows, list(_predictions(means))


def _predictions(means: Mapping[str, Mapping[str, float]]) -> list[str]:
    best = max(METHODS, key=lambda name: means[name]["mass"])
    return [
        f"- largest mass: {best}, predicted attnlrp: {_verdict(best == 'attnlrp')}",
        _line(means, "legrad", "pointing", 0.9, 1),
        *(_line(means, name, "own", 0.4, 0.6) for name in CLASS_FREE),
        *(_line(means, name, "own", 0.75, 1) for name in DEPENDENT),
        _line(means, "grad-cam", "grid", 0.5, 1),
    ]


def _line(means: Mapping[str, Mapping[str, float]], name: str, figure: str, low: float, high: float) -> str:
    value = means[name][figure]
    return f"- {name}: {figure} {value:.2f}, predicted {low:g} to {high:g}: {_verdict(low <= value <= high)}"


def _verdict(is_right: bool) -> str:
    return "right" if is_right else "**wrong**"
