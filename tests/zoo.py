"""Try every classification model of torchvision, untrained, at its own input size: `make zoo` writes docs/zoo.md.

Each is built, its tree is read, and a first picture is made where the page would begin. Then families of timm and of
Transformers are tried, for docs/families.md: whether their places are right where Activations and Grad-CAM open.
"""

import gc
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import timm
import torch
import torchvision
import transformers
from torch import nn

from mirror_app import engine, layers
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.models import Model, catalogue, torchvision_models
from tests import ROOT
from tests.modern import PATCHES, TIMM, TRANSFORMERS, of_timm, of_transformers, opening

DOCUMENT = ROOT / "docs" / "zoo.md"
FAMILIES = ROOT / "docs" / "families.md"


def row(name: str) -> str:
    """Return the line of one model: what it is, and the first picture that it gave."""
    model = catalogue.load(f"{name}{catalogue.UNTRAINED}")
    listed = engine.tree(model)
    layer = layers.default_layer(listed)
    began = time.perf_counter()
    what = first_picture(model, layer)
    took = time.perf_counter() - began
    weights = sum(parameter.numel() for parameter in model.module.parameters()) / 1e6
    return (
        f"| {name} | {weights:.1f} M | {len(listed)} | {model.preprocessing.size} | `{layer}` | {what} | {took:.1f} s |"
    )


def first_picture(model: Model, layer: str) -> str:
    """Return which picture the model gives at that layer, and its shape: Grad-CAM, or where refused, activations."""
    picture = examples()[0]
    for visualisation in ("grad-cam", "activations"):
        try:
            raw = engine.run(Request(model.name, picture.id, layer, visualisation), model, picture).raw
        except MirrorError:
            continue
        if raw.any():
            return f"{visualisation} {' x '.join(map(str, raw.shape[1:]))}"
    return "**none**"


def family_row(name: str, model: nn.Module, side: int) -> str:
    """Return the line of one family: where it opens, and of how many patches the cell holds the largest change."""
    try:
        found = opening(model, side)
    except (MirrorError, AssertionError) as error:
        return f"| {name} | {side} | | | **none**: {error} |"
    count = PATCHES**2
    right = f"{found.right} of {count}" if found.is_right else f"**{found.right}** of {count}"
    return f"| {name} | {side} | `{found.layer}` | {' x '.join(map(str, found.grid))} | {right} |"


def families() -> list[str]:
    """Write docs/families.md, and return the lines of what is not right."""
    head = [
        "# Families of timm and of Transformers",
        "",
        "`make zoo` writes this file. Each model has random weights, and the layer is Mirror's default. Activations",
        f"and Grad-CAM open at the same layer, and Grad-CAM is not zero everywhere. Each of {PATCHES} x {PATCHES}",
        "patches of the picture is changed in turn; the map should change most in a cell that the patch covers.",
        "Changes are measured relative to how much the cell changes over all patches.",
        f"{datetime.now(UTC):%d %B %Y}, PyTorch {torch.__version__}, timm {timm.__version__}, Transformers "
        f"{transformers.__version__}.",
        "",
        "| model | side | opens at | maps | patches found in their own cell |",
        "| --- | --- | --- | --- | --- |",
    ]
    made = [(name, partial(of_timm, name), side) for name, side in TIMM.items()]
    made += [(f"Transformers: {name}", partial(of_transformers, name), row[2]) for name, row in TRANSFORMERS.items()]
    rows = []
    for name, build, side in made:
        rows.append(family_row(name, build(), side))
        print(rows[-1], flush=True)
        gc.collect()
        FAMILIES.write_text("\n".join([*head, *rows, ""]), encoding="utf-8")
    return [line for line in rows if "**" in line]


def main() -> None:
    wrong = families()
    document = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENT
    head = [
        "# Every classification model of torchvision",
        "",
        "`make zoo` writes this file. Each model is built with random weights, its layer tree is read, and the first",
        "picture of a bundled scene is made, at the model's own input size and at the layer where the page opens.",
        f"{datetime.now(UTC):%d %B %Y}, PyTorch {torch.__version__}, torchvision {torchvision.__version__}.",
        "",
        "| model | weights | layers | input | opens at | first picture | time |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = []
    for name in torchvision_models.classifiers():
        rows.append(row(name))
        print(rows[-1], flush=True)
        gc.collect()
        document.write_text("\n".join([*head, *rows, ""]), encoding="utf-8")
    if lost := [line for line in rows if "**none**" in line] + wrong:
        sys.exit("\n".join(lost))


if __name__ == "__main__":
    main()
