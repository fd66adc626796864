"""Try every classification model of torchvision, untrained, at its own input size: `make zoo` writes docs/zoo.md.

Each model is built, its layer tree is read, and a picture is computed at the default layer. Then families of timm and
of Transformers are tried, for docs/families.md: do the maps of the default layer line up with the picture?
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
    """Return the line of one model, with its size, its default layer and its first picture."""
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
    """Return the name and shape of the picture at a layer: Grad-CAM, or Activations if it is refused or zero."""
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
    """Return the line of one family: its default layer, and how many patches were found in their own cell."""
    try:
        found = opening(model, side)
    except (MirrorError, AssertionError) as error:
        return f"| {name} | {side} | | | **none**: {error} |"
    count = PATCHES**2
    right = f"{found.right} of {count}" if found.is_right else f"**{found.right}** of {count}"
    return f"| {name} | {side} | `{found.layer}` | {' x '.join(map(str, found.grid))} | {right} |"


def families() -> list[str]:
    """Write docs/families.md, and return its lines that report a failure."""
    head = [
        "# Families of timm and of Transformers",
        "",
        "`make zoo` writes this file. Each model has random weights and takes square pictures with the given side, in",
        "pixels. The layer is Mirror's default. Activations and Grad-CAM open at the same layer, and Grad-CAM is not",
        f"zero everywhere. Each of {PATCHES} x {PATCHES} patches of the picture is changed in turn; the map should",
        "change most in a cell that the patch covers. The change of a cell is divided by the sum of its changes over",
        "all patches.",
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
        "`make zoo` writes this file. Each model is built with random weights, and its layer tree is read. Then a",
        "bundled scene is shown with the model's own input size at the layer where the page opens: with Grad-CAM, or",
        "with Activations if Grad-CAM is refused or zero everywhere.",
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
