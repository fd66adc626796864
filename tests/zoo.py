"""Try every classification model of torchvision, untrained, at its own input size: `make zoo` writes docs/zoo.md.

Each is built, its tree is read, and a first picture is made where the page would begin.
"""

import gc
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
import torchvision

from mirror_app import engine, layers
from mirror_app.errors import MirrorError
from mirror_app.models import Model, catalogue, zoo
from mirror_app.models.examples import examples
from mirror_app.request import Request
from tests.browser import ROOT

DOCUMENT = ROOT / "docs" / "zoo.md"


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


def main() -> None:
    document = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENT
    head = [
        "# Every classification model of torchvision",
        "",
        "`make zoo` wrote this: each model is built untrained, its tree is read, and a first picture is made of a",
        "bundled scene at the model's own size, where the page begins.",
        f"{datetime.now(UTC):%d %B %Y}, PyTorch {torch.__version__}, torchvision {torchvision.__version__}.",
        "",
        "| model | weights | layers | input | begins at | first picture | took |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = []
    for name in zoo.classifiers():
        rows.append(row(name))
        print(rows[-1], flush=True)
        gc.collect()
        document.write_text("\n".join([*head, *rows, ""]), encoding="utf-8")
    if lost := [line for line in rows if "**none**" in line]:
        sys.exit(f"{len(lost)} of {len(rows)} models gave no picture.")


if __name__ == "__main__":
    main()
