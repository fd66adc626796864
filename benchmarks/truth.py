"""Measure every attribution in the registry by the bundled scenes, whose masks are exact: `make truth`.

Written down before the first run:
- Grad-CAM's share in the right quarter of a 2 x 2 grid is at least .75, LRP's mass in the mask at least .80, and the
  insertion of both at least .85.
- BEATS_BOTH must beat random numbers and Sobel's edges by peak, mass and insertion, each on the scenes that it was
  measured on.

What was written down for photographs stands in `benchmarks.grid`.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import islice
from statistics import mean, median, stdev

import torch
from torch import Tensor, nn

import mirror_app.visualisations.core  # noqa: F401 - fills the registry
from benchmarks import grid
from benchmarks.grid import Method
from mirror_app.bundled import dataset, network, scenes
from mirror_app.errors import MirrorError
from mirror_app.evaluation import (
    ROAD_SHARES,
    area,
    deletion,
    insertion,
    mass_inside,
    noise,
    peak_inside,
    rank_correlation,
    road,
    sobel,
    verdict,
    with_last_layer_shuffled,
)
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from tests.browser import ROOT

DOCUMENT = ROOT / "docs" / "truth.md"
SEEDS = scenes.HELD_OUT[60_000:60_100]
FEW = 10  # scenes for what takes longer than LONG forward and backward passes
LONG = 10
STEPS = 16
LAYER = "features"
BEATS_BOTH = ("grad-cam", "grad-cam-plus-plus", "hires-cam", "layer-cam", "score-cam", "ablation-cam", "cam", "lrp",
              "occlusion", "rise")  # fmt: skip
GOALS = {("grad-cam", "grid"): 0.75, ("lrp", "mass"): 0.80, ("grad-cam", "insertion"): 0.85, ("lrp", "insertion"): 0.85}


@dataclass(frozen=True)
class Score:
    """What one method got for one scene."""

    peak: float
    mass: float
    grid: float
    deletion: float
    insertion: float
    road: float
    shuffled: float


# Of one method, in the order of the seeds.
Scores = list[Score]


BASES: dict[str, Method] = {
    "random": lambda _model, inputs, target: noise(inputs, target),
    "sobel": lambda _model, inputs, _target: sobel(inputs),
}


def attributions() -> dict[str, Method]:
    """Return what is measured, by key: the base lines, and whatever in the registry gives a map of this network."""
    found: dict[str, Method] = dict(BASES)
    blank = torch.zeros(1, 3, 32, 32)
    for entry in registry.entries():
        if verdict.is_attribution(entry):
            method = grid.attribution(entry, network.MEAN, network.STD, LAYER)
            try:
                method(catalogue.load("shapes").module, blank, 0)
            except MirrorError:
                continue  # made for transformers
            found[entry.key] = method
    return found


def score(method: Method, model: nn.Module, seed: int) -> Score:
    """Return what a method gets for the scene of `seed`."""
    scene = scenes.scene(seed)
    inputs = dataset.normalise(torch.from_numpy(scene.picture)[None])
    target, mask = scene.objects[0].label, torch.from_numpy(scene.objects[0].outline)[None].float()
    evidence = method(model, inputs, target)
    again = method(with_last_layer_shuffled(model), inputs, target)
    most, least = road(model, inputs, evidence, target)
    return Score(
        float(peak_inside(evidence[None], mask)),
        float(mass_inside(evidence[None], mask)),
        in_its_quarter(method, model, inputs, target, range(seed + 1000, seed + 1100)),
        area(deletion(model, inputs, evidence, target, STEPS)),
        area(insertion(model, inputs, evidence, target, STEPS)),
        area(least - most, ROAD_SHARES),
        abs(rank_correlation(evidence, again)),
    )


def in_its_quarter(method: Method, model: nn.Module, inputs: Tensor, target: int, others: range) -> float:
    """Return the share of positive evidence in the scene's own quarter of a grid with three scenes of other classes.

    `others` are the seeds that they are drawn from.
    """
    rest = (scene for scene in map(scenes.scene, others) if scene.objects[0].label != target)
    pictures = torch.stack([torch.from_numpy(scene.picture) for scene in islice(rest, 3)])
    return grid.share_in_its_quarter(method, model, torch.cat([inputs, dataset.normalise(pictures)]), target)


def cost(method: Method, model: nn.Module) -> float:
    """Return the time for one picture as a multiple of one forward and backward pass: medians, measured in turn."""
    blank = torch.zeros(1, 3, scenes.SIZE, scenes.SIZE)

    def bare() -> None:
        pixels = blank.clone().requires_grad_()
        torch.autograd.grad(model(pixels)[:, 0].sum(), pixels)

    pairs = [(_seconds(bare), _seconds(lambda: method(model, blank, 0))) for _ in range(5)]
    passes, methods = zip(*pairs, strict=True)
    return median(methods) / median(passes)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def averages(scores: Scores) -> dict[str, float]:
    return {field.name: mean(getattr(one, field.name) for one in scores) for field in fields(Score)}


def row(name: str, scores: Scores, passes: float) -> str:
    """Return the line of a method: each mean with its standard error."""
    errors = {field.name: stdev(getattr(one, field.name) for one in scores) for field in fields(Score)}
    figures = [f"{value:.2f} ± {errors[key] / len(scores) ** 0.5:.2f}" for key, value in averages(scores).items()]
    return f"| {name} | {' | '.join(figures)} | {passes:.1f} | {len(scores)} |"


def kept(table: dict[str, Scores]) -> list[str]:
    """Return each goal as a line, with whether it is reached."""
    means = {name: averages(scores) for name, scores in table.items()}
    lines = [
        f"- {name}: {figure} {means[name][figure]:.2f}, wanted {goal:.2f}: {_word(means[name][figure] >= goal)}"
        for (name, figure), goal in GOALS.items()
    ]
    for name in BEATS_BOTH:
        # Scenes differ in how hard they are: with few of them, only the same ones compare.
        rivals = [averages(table[base][: len(table[name])]) for base in BASES]
        beaten = [
            figure
            for figure in ("peak", "mass", "insertion")
            if means[name][figure] > max(rival[figure] for rival in rivals)
        ]
        lines.append(f"- {name} beats random and Sobel by {', '.join(beaten) or 'nothing'}: {_word(len(beaten) == 3)}")
    return lines


def _word(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def main() -> None:
    model = catalogue.load("shapes").module
    table: dict[str, Scores] = {}
    rows = []
    for name, method in attributions().items():
        passes = cost(method, model)
        table[name] = [score(method, model, seed) for seed in (SEEDS[:FEW] if passes > LONG else SEEDS)]
        rows.append(row(name, table[name], passes))
        print(rows[-1], flush=True)
    lines = kept(table)
    photographs, predicted = grid.table()
    text = f"""# Which pictures point at the thing?

`make truth` wrote this, on bundled scenes of unseen seeds, whose masks are exact, at the layer `{LAYER}`.
{datetime.now(UTC):%d %B %Y}, PyTorch {torch.__version__}, seeds {SEEDS.start:,} to {SEEDS.stop - 1:,}.

- peak: how often the largest number lies on the thing; mass: the share of positive evidence on it.
- grid: the share of positive evidence in the right quarter, of four scenes side by side; .25 is chance.
- deletion, insertion: the area below the curve of the probability while pixels go (to the mean colour) or come back
  (into a blurred picture), those of most evidence first; low and high are good.
- road: how much more of the probability is left where the pixels of least evidence are filled in from their
  neighbours than where those of most evidence are, as a mean over the shares of the pixels, 0 to
  {ROAD_SHARES[-1]:.0%}; high is good.
- shuffled: the magnitude of the rank correlation with the map of the network whose last layer's weights are shuffled.
  Near 1, the picture is the same or turned over: it does not depend on what the last layer has learned.
- time: as a multiple of one forward and backward pass. What takes more than {LONG} of them
  has the first {FEW} scenes only.
- A gradient counts by its magnitude, summed over the colours. After ± stands the standard error of the mean.

| method | peak | mass | grid | deletion | insertion | road | shuffled | time | scenes |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Goals, which were written down before the first run:

{chr(10).join(lines)}

## The same grid of photographs

MobileNetV2 with torchvision's weights, at its default layer: every choice of four out of
{len(grid.photographs())} photographs from scikit-image and Matplotlib, each for the class that the network names in it.
The standard error takes the grids for independent, although they share photographs.

| method | share in the right quarter |
| --- | --- |
{chr(10).join(photographs)}

What was written down before the first run:

{chr(10).join(predicted)}
"""
    DOCUMENT.write_text(text, encoding="utf-8")
    print("\n".join(lines))
    if any("missed" in line for line in lines):
        sys.exit("A goal was missed.")


if __name__ == "__main__":
    main()
